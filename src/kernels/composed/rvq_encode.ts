/** Composed reference of `RvqEncode`. */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {RvqEncode} from '../kernel_names.js';
import {chosenCodes, roundOf} from './rvq_codes.js';

/** At most this many distances at once: 16 MiB. */
const DISTANCES = 2 ** 22;

/**
 * Index of the nearest code: `residual [n, G·w]`, `codebooks [G, K, w]` → int32 `[n, G]`. All groups at once, one coordinate
 * after the other: differences are exact near a code, where |z|² − 2zc + |c|² would cancel.
 */
function nearest(residual: tf.Tensor, codebooks: tf.Tensor3D): tf.Tensor {
  const [groups, codes, width] = codebooks.shape;
  const points = tf.reshape(residual, [-1, groups, 1, width]);
  const books = tf.reshape(codebooks, [1, groups, codes, width]);
  const count = points.shape[0];
  let distances: tf.Tensor | undefined;
  for (let j = 0; j < width; j++) {
    const point = tf.reshape(tf.slice(points, [0, 0, 0, j], [count, groups, 1, 1]), [
      -1,
      groups,
      1,
    ]);
    const code = tf.reshape(tf.slice(books, [0, 0, 0, j], [1, groups, codes, 1]), [
      1,
      groups,
      codes,
    ]);
    const square = tf.square(tf.sub(point, code));
    distances = distances == null ? square : tf.add(distances, square);
  }
  // Not argMin: which of several equal ones it takes depends on the backend.
  const smallest = tf.min(distances!, 2, true);
  const order = tf.reshape(tf.range(0, codes, 1, 'float32'), [1, 1, codes]);
  const first = tf.min(tf.where(tf.equal(distances!, smallest), order, tf.scalar(codes)), 2);
  // Without any number among the distances none was equal.
  return tf.cast(tf.where(tf.less(first, codes), first, tf.zerosLike(first)), 'int32');
}

/** All rounds for some rows: `z [n, r]` → int32 `[R, n, G]`. */
function encodeRows(z: tf.Tensor, codebooks: tf.Tensor): tf.Tensor {
  const [, groups, , width] = codebooks.shape as number[];
  const soundRows = tf.all(tf.isFinite(tf.reshape(z, [-1, groups, width])), 2);
  const rounds: tf.Tensor[] = [];
  let residual = z;
  for (let round = 0; round < codebooks.shape[0]; round++) {
    const books = roundOf(codebooks, round);
    const indices = nearest(residual, books);
    residual = tf.sub(residual, chosenCodes(indices, books));
    const sound = tf.logicalAnd(soundRows, tf.all(tf.isFinite(books), [1, 2]));
    rounds.push(tf.where(sound, indices, tf.scalar(-1, 'int32')));
  }
  return tf.stack(rounds);
}

/** Published practice (EnCodec, SoundStream); no matrix of more than `DISTANCES` distances is ever in memory. */
registerComposed(RvqEncode, ({z, codebooks}) => {
  const [count, rank] = z.shape as [number, number];
  const [, groups, codes] = codebooks.shape;
  const chunk = Math.max(1, Math.floor(DISTANCES / (groups * codes!)));
  const parts: tf.Tensor[] = [];
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    parts.push(tf.tidy(() => encodeRows(tf.slice(z, [start, 0], [size, rank]), codebooks)));
  }
  return parts.length === 1 ? parts[0] : tf.concat(parts, 1);
});
