/**
 * Trains a small LLaMA with boundaries on the GPU from Node, through the npm package `webgpu` (Dawn). Without a GPU it
 * runs on SwiftShader where Chromium is installed, slowly, and says what is missing where it is not.
 *
 *     npm run example:node -- webgpu_in_node
 *     npm run example:node -- webgpu_in_node --width 256 --layers 8 --steps 100
 */
import * as tf from '@tensorflow/tfjs-core';
import {llama, selectBackend, sparseCrossEntropy, train} from 'tfjs-mapl';
import {options} from './common.js';

const {steps, width, layers, batch, time} = options({
  steps: 20,
  width: 64,
  layers: 4,
  batch: 8,
  time: 32,
});
const {device, description} = await selectBackend({prefer: 'webgpu'}).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
const slow = ', emulated on the CPU: slow; shorter with --width 16 --layers 2 --steps 5';
console.log(`WebGPU on ${description}${device === 'software' ? slow : ''}`);

const vocabulary = 64;
const model = llama({
  vocab_size: vocabulary,
  hidden_size: width,
  intermediate_size: 2 * width,
  num_hidden_layers: layers,
  num_attention_heads: 4,
  max_position_embeddings: time,
  seed: 1,
  mapl: {stages: 2, rank: width / 4},
});
const optimizer = train.mapl({learningRate: 0.02, clipNorm: 1});
const variables = model.trainableWeights.map((weight) => weight.read());

// Counting: every token is the one before and one.
const start = tf.randomUniform([batch, 1], 0, vocabulary, 'int32', 3);
const counting = tf.add(start, tf.range(0, time + 1, 1, 'int32'));
const sequence = tf.mod(counting, tf.scalar(vocabulary, 'int32'));
const ids = tf.slice(sequence, [0, 0], [batch, time]);
const targets = tf.slice(sequence, [0, 1], [batch, time]);

let begin = performance.now();
for (let step = 1; step <= steps; step++) {
  const loss = optimizer.minimize(
    () => sparseCrossEntropy(model.apply(ids, {training: true}), targets),
    true,
    variables,
  );
  const [value] = await loss.data();
  loss.dispose();
  console.log(`step ${step}: loss ${value.toFixed(4)}`);
  // The first step compiles the programs.
  if (step === 1) begin = performance.now();
}
if (steps > 1) {
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${Math.round((batch * time * (steps - 1)) / seconds)} tokens a second`);
}
