/**
 * Contestant: `@genai-fi/nanogpt` on its own copy of tfjs. A program of its own, since two copies of tfjs would share one
 * engine: `nanogpt.mjs '{"config": …, "shape": …, "half": …}'` trains its model by its own trainer,
 * `nanogpt.mjs '{"kernels": true, "quick": …}'` runs single kernels of it.
 */
import util from 'node:util';
import {startDawn} from '../../src/backends/webgpu_node.js';
import {answerLines} from '../contestants/answer_lines.js';
import type {NanogptEngine} from 'mapl:nanogpt';
import type {LlamaConfig} from '../../src/models/llama/index.js';
import {answerKernels} from './nanogpt_kernels.js';

const options = JSON.parse(process.argv[2]) as
  {kernels: true; quick: boolean} | {config: LlamaConfig; shape: [number, number]; half: boolean};
// Its answers are the only lines of JSON on stdout.
console.log = console.error;
await startDawn();
// The function above brings our copy of tfjs along, whose engine and kernels theirs would take for its own.
for (const name of ['_tfengine', '_tfGlobals'])
  delete (globalThis as Record<string, unknown>)[name];
// Its bundle has a stub in the place of this module.
(globalThis as {nodeUtil?: unknown}).nodeUtil = util;
const lib = await import('mapl:nanogpt');
await lib.selectBackend('webgpu');
const {_tfengine: engine} = globalThis as unknown as {_tfengine: NanogptEngine};
const answer = (line: string) => process.stdout.write(`${line}\n`);

if ('kernels' in options) {
  await answerKernels(lib, engine, options.quick, answer);
} else {
  const {config, shape, half} = options;
  const model = new lib.Model({
    vocabSize: config.vocab_size,
    blockSize: shape[1],
    nLayer: config.num_hidden_layers,
    nHead: config.num_attention_heads,
    nEmbed: config.hidden_size,
    mlpFactor: 4,
  });
  const trainer = new lib.BasicTrainer(model, {}, {learningRate: 1e-3});
  trainer.setMixedPrecision(half);
  const tokens = (offset: number) => {
    let state = 1 + offset;
    const values = Int32Array.from({length: shape[0] * shape[1]}, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * config.vocab_size);
    });
    return engine.makeTensor(values, shape, 'int32');
  };
  const batch = {xs: tokens(0), ys: tokens(1)};

  console.log = answer;
  await answerLines({nanogpt: '1.3.0', parameters: model.getNumParams(), half}, async () => {
    const loss = trainer.trainStep({}, batch);
    const [value] = await loss.data();
    loss.dispose();
    return value;
  });
}
