/**
 * Fine-tunes a LLaMA from a Hugging Face folder in two pipeline stages and saves it as one again, for
 * `LlamaForCausalLM.from_pretrained` as for `loadLlama`.
 *
 *     npm run example:node -- fine_tune_llama
 *     npm run example:node -- fine_tune_llama --folder path/to/llama --text book.txt --out tuned --steps 200
 *
 * The default folder is the tiny untrained model of this project's tests, which takes bytes for tokens.
 */
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {Tokenizer} from '@huggingface/tokenizers';
import {loadLlama, pipeline, saveLlama, sparseCrossEntropy, train} from 'tfjs-mapl';
import {backend, options} from './common.js';

const root = path.resolve(import.meta.dirname, '../..');
const {folder, text, out, steps, ...more} = options({
  folder: path.join(root, 'test/fixtures/llama'),
  text: path.join(root, 'README.md'),
  out: path.join(root, 'build/examples/fine_tuned'),
  steps: 30,
  context: 64,
  batch: 8,
  backend: '',
});
await backend(more.backend);
const shape = [more.batch, more.context];

const model = await loadLlama(folder);
const vocabSize = model.outputs[0].shape.at(-1);
const tokens = readTokens();
console.log(`${tokens.length} tokens of ${path.basename(text)}, a vocabulary of ${vocabSize}`);

// The stages use the model's own weights: what they learn is in the model.
const stages = await pipeline.InProcessPipeline.create({
  model,
  stages: 2,
  microbatches: 2,
  schedule: '1f1b',
  wire: 'bfloat16',
  vocabSize,
  optimizer: () => train.mapl({learningRate: 0.005}),
});
const held = batch(0);
const before = await lossOf(model);
for (let step = 1; step <= steps; step++) {
  const [{loss}] = await stages.step(batch(step));
  if (step % Math.ceil(steps / 5) === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
}
await stages.close();
console.log(`loss on the beginning: ${before.toFixed(4)} → ${(await lossOf(model)).toFixed(4)}`);

await saveLlama(model, out);
const again = await loadLlama(out);
console.log(`saved to ${out}, loss when loaded again: ${(await lossOf(again)).toFixed(4)}`);

/** Ids of the text: by the folder's tokenizer, or its bytes where the folder has none. */
function readTokens() {
  const content = readFileSync(text, 'utf8');
  const file = path.join(folder, 'tokenizer.json');
  if (existsSync(file)) {
    const tokenizer = new Tokenizer(JSON.parse(readFileSync(file, 'utf8')), {});
    return Int32Array.from(tokenizer.encode(content).ids);
  }
  if (vocabSize < 256)
    throw new Error(`${folder} has no tokenizer.json, and too few ids for bytes.`);
  return Int32Array.from(new TextEncoder().encode(content));
}

/** Sequences from places spread over the text; the targets are the ids one further. */
function batch(number) {
  const [rows, time] = shape;
  const ids = new Int32Array(rows * time);
  const targets = new Int32Array(rows * time);
  const places = tokens.length - time - 1;
  if (places < 1) throw new Error(`${text} is shorter than a sequence of ${time} tokens.`);
  for (let row = 0; row < rows; row++) {
    // Batch 0 is the beginning of the text; 7919 is a prime, so that the others wander through all of it.
    const start = (number === 0 ? row * time : (number * rows + row) * 7919) % places;
    ids.set(tokens.subarray(start, start + time), row * time);
    targets.set(tokens.subarray(start + 1, start + time + 1), row * time);
  }
  return {ids, targets, shape};
}

/** Mean loss of a whole model on the beginning of the text. */
async function lossOf(whole) {
  const loss = tf.tidy(() => {
    const logits = whole.predict(tf.tensor2d(held.ids, shape, 'int32'));
    return sparseCrossEntropy(logits, tf.tensor2d(held.targets, shape, 'int32'));
  });
  const [value] = await loss.data();
  loss.dispose();
  return value;
}
