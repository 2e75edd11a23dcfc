/** Composed reference of `RvqDecode`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {RvqDecode} from '../kernel_names.js';
import {chosenCodes, roundOf} from './rvq_codes.js';

/** One gather a round; added in the order of the rounds, so that two backends come to the same bits. */
registerComposed(RvqDecode, ({indices, codebooks}) => {
  const [rounds, count, groups] = indices.shape as [number, number, number];
  let sum: tf.Tensor | undefined;
  for (let round = 0; round < rounds; round++) {
    const own = tf.reshape(tf.slice(indices, [round, 0, 0], [1, count, groups]), [count, groups]);
    const codes = chosenCodes(own, roundOf(codebooks, round));
    sum = sum == null ? codes : tf.add(sum, codes);
  }
  return sum!;
});
