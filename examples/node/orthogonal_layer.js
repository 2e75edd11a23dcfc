/**
 * A layer that stays orthogonal while `model.fit` trains it: one group of variables for an optimizer on the Stiefel
 * manifold, AdamW for the rest. The same model with AdamW alone shows what happens otherwise (a `constraint` would not
 * help: tfjs ignores it under `fit`).
 *
 *     npm run example:node -- orthogonal_layer
 *     npm run example:node -- orthogonal_layer --epochs 30
 */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {diagnostics, stiefel, train} from 'tfjs-mapl';
import {backend, options} from './common.js';

const {epochs, backend: wanted} = options({epochs: 10, backend: ''});
await backend(wanted);
const [inputs, features] = [16, 8];

function build(name) {
  const model = tfl.sequential({name});
  model.add(
    tfl.layers.dense({
      units: features,
      inputShape: [inputs],
      useBias: false,
      kernelInitializer: tfl.initializers.orthogonal({gain: 1, seed: 3}),
      name: `${name}_orthogonal`,
    }),
  );
  model.add(tfl.layers.dense({units: 32, activation: 'tanh', name: `${name}_hidden`}));
  model.add(tfl.layers.dense({units: 1, name: `${name}_output`}));
  return model;
}

// The target depends on eight directions of the sixteen.
const x = tf.randomNormal([1024, inputs], 0, 1, 'float32', 5);
const directions = stiefel.random(inputs, features, 6);
const y = tf.sum(tf.sin(tf.matMul(x, directions)), 1, true);

async function fit(name, optimizer) {
  const model = build(name);
  model.compile({optimizer, loss: 'meanSquaredError'});
  const {history} = await model.fit(x, y, {epochs, batchSize: 64, verbose: 0, shuffle: false});
  const kernel = model.layers[0].getWeights()[0];
  const error = await diagnostics.orthogonalityError(kernel);
  const [first, last] = [history.loss[0], history.loss.at(-1)].map((loss) => loss.toFixed(4));
  console.log(`${name}: loss ${first} → ${last}, ‖WᵀW − I‖ = ${error.toExponential(1)}`);
}

await fit(
  'stiefel',
  train.groups([
    {match: '*_orthogonal/kernel', optimizer: train.riemannianAdam({learningRate: 0.02})},
    {match: true, optimizer: train.adamw({learningRate: 0.02})},
  ]),
);
await fit('adamw', train.adamw({learningRate: 0.02}));
