/**
 * Contestant: `@genai-fi/nanogpt`, training by its own trainer on its own copy of tfjs. A program of its own, since two copies of
 * tfjs would share one engine: `nanogpt.mjs '{"config": …, "shape": …, "half": …}'`.
 */
import util from 'node:util';
import {startDawn} from '../../src/backends/webgpu_node.js';
import {answerLines} from '../contestants/answer_lines.js';
import type {NanogptTensor} from 'mapl:nanogpt';
import type {LlamaConfig} from '../../src/models/llama/index.js';

const {config, shape, half} = JSON.parse(process.argv[2]) as {
  config: LlamaConfig;
  shape: [number, number];
  half: boolean;
};
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
const {_tfengine: engine} = globalThis as unknown as {
  _tfengine: {makeTensor(values: Int32Array, shape: number[], dtype: string): NanogptTensor};
};
const tokens = (offset: number) => {
  let state = 1 + offset;
  const values = Int32Array.from({length: shape[0] * shape[1]}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * config.vocab_size);
  });
  return engine.makeTensor(values, shape, 'int32');
};
const batch = {xs: tokens(0), ys: tokens(1)};

console.log = (line: string) => process.stdout.write(`${line}\n`);
await answerLines({nanogpt: '1.3.0', parameters: model.getNumParams(), half}, async () => {
  const loss = trainer.trainStep({}, batch);
  const [value] = await loss.data();
  loss.dispose();
  return value;
});
