/**
 * Principal components by an optimizer on the Stiefel manifold: the orthonormal `A [d, r]` that keeps most of the
 * variance of some data, tr(AᵀCA). The data is made so that the right answer is known.
 *
 *     npm run example:node -- stiefel_pca
 *     npm run example:node -- stiefel_pca --steps 100 --rank 3
 */
import * as tf from '@tensorflow/tfjs-core';
import {diagnostics, stiefel, train} from 'tfjs-mapl';
import {backend, options} from './common.js';

const {steps, rank, seed, backend: wanted} = options({steps: 300, rank: 4, seed: 1, backend: ''});
await backend(wanted);
const d = 32;

// A covariance with the variances 1, 1/2, 1/3, … along the columns of a random orthogonal matrix.
const axes = stiefel.random(d, d, seed);
const variances = Array.from({length: d}, (_, i) => 1 / (i + 1));
const covariance = tf.matMul(tf.mul(axes, tf.tensor1d(variances)), axes, false, true);
const best = variances.slice(0, rank).reduce((sum, value) => sum + value, 0);

const a = tf.variable(stiefel.random(d, rank, seed + 1), true, 'components');
const optimizer = train.riemannianSgd({learningRate: 0.2, momentum: 0.9, retraction: 'qr'});
const captured = () => tf.sum(tf.mul(a, tf.matMul(covariance, a)));

for (let step = 0; step < steps; step++) {
  optimizer.minimize(() => tf.neg(captured()), false, [a]);
  if (step % Math.ceil(steps / 5) === 0) {
    const value = tf.tidy(captured);
    console.log(
      `step ${step}: ${((100 * (await value.data())[0]) / best).toFixed(3)} % of the best`,
    );
    value.dispose();
  }
}
const [value] = await captured().data();
console.log(`variance captured: ${((100 * value) / best).toFixed(3)} % of the best`);
const wantedAxes = tf.slice(axes, [0, 0], [d, rank]);
const angles = await diagnostics.principalAngles(a, wantedAxes);
console.log(`largest angle to the true components: ${Math.max(...angles).toFixed(3)}°`);
const {ok} = await stiefel.checkPoint(a);
console.log(`orthonormal: ${ok ? 'yes' : 'no'}`);
