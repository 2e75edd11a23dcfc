/**
 * A boundary in a tfjs model of your own, trained with `model.fit`. The model tags each token of a sequence with whether
 * it is larger than its left neighbour: embedding, convolution, boundary, dense layers. Not a LLaMA.
 *
 *     npm run example:node -- boundary_in_your_model
 *     npm run example:node -- boundary_in_your_model --epochs 20 --rank 4
 */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {diagnostics, projectionBoundary, train} from 'tfjs-mapl';
import {backend, options} from './common.js';

const {epochs, rank, backend: wanted} = options({epochs: 8, rank: 8, backend: ''});
await backend(wanted);
const [vocabulary, time, width] = [32, 16, 32];

// The layers before the boundary could run on one machine, those after it on another.
const ids = tfl.input({shape: [time], dtype: 'int32'});
let x = tfl.layers.embedding({inputDim: vocabulary, outputDim: width}).apply(ids);
x = tfl.layers
  .conv1d({filters: width, kernelSize: 3, padding: 'same', activation: 'relu', name: 'mix'})
  .apply(x);
const boundary = projectionBoundary({rank, vocabSize: vocabulary, name: 'boundary'});
x = boundary.apply([x, ids]);
x = tfl.layers.dense({units: width, activation: 'relu', name: 'hidden'}).apply(x);
const tags = tfl.layers.dense({units: 2, activation: 'softmax', name: 'output'}).apply(x);
const model = tfl.model({inputs: ids, outputs: tags});

// Muon for `hidden/kernel`, SPEL for `boundary/projector`, AdamW for everything else.
model.compile({
  optimizer: train.mapl({learningRate: 0.02}),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
});

const count = 512;
const tokens = tf.randomUniform([count, time], 0, vocabulary, 'int32', 7);
const left = tf.pad(tf.slice(tokens, [0, 0], [count, time - 1]), [
  [0, 0],
  [1, 0],
]);
const larger = tf.cast(tf.expandDims(tf.greater(tokens, left), -1), 'float32');

const {history} = await model.fit(tokens, larger, {epochs, batchSize: 32, verbose: 0});
const percent = (values) => values.map((value) => `${(100 * value).toFixed(1)} %`).join(', ');
console.log(`accuracy by epoch: ${percent(history.acc)}`);
console.log(`loss: ${history.loss[0].toFixed(4)} → ${history.loss.at(-1).toFixed(4)}`);
console.log(`numbers a token at the boundary: ${rank} in place of ${width}`);
const error = await diagnostics.orthogonalityError(boundary.projector.read());
console.log(`‖AᵀA − I‖ of its projector: ${error.toExponential(1)}`);
