/**
 * Composed references of `PackHalf` and `UnpackHalf`: the bits of halves by arithmetic that float32 does exactly, and words by
 * that of int32. Backends that compute with integers in float32 (tfjs-webgpu, tfjs-webgl) need kernels of their own.
 */
import * as tf from '@tensorflow/tfjs-core';
import {registerComposed} from '../ensure_kernel.js';
import {PackHalf, UnpackHalf} from '../kernel_names.js';

/** Exponents of normal halves. */
const LOWEST = -14;
const HIGHEST = 15;

/** One NaN, quiet, without a sign. */
const NAN_BITS = 0x7e00;

/** `2^(first), 2^(first + step), …`, `count` of them. */
function powers(first: number, step: number, count: number): tf.Tensor1D {
  return tf.tensor1d(Array.from({length: count}, (_, i) => 2 ** (first + step * i)));
}

/**
 * `bits = 1024 (e + 14) + round(|x| 2^(10 − e))` with `e` the exponent, at least −14: a product by a power of two is exact, a
 * mantissa that is rounded up to 2048 carries into the exponent, and one of exponent 15 makes infinity. An `e` that a
 * logarithm gets wrong by one, next to a power of two, gives the same bits.
 */
registerComposed(PackHalf, ({x}) => {
  const words = Math.ceil(x.size / 2);
  const even = tf.pad(tf.reshape(x, [x.size]), [[0, 2 * words - x.size]]);
  const pairs = tf.reshape(even, [words, 2]);
  const missing = tf.isNaN(pairs);
  const size = tf.where(missing, tf.zerosLike(pairs), tf.minimum(tf.abs(pairs), 65536));
  const logs = tf.mul(tf.log(tf.maximum(size, 2 ** LOWEST)), 1 / Math.LN2);
  const exponents = tf.clipByValue(tf.floor(logs), LOWEST, HIGHEST);
  const places = tf.cast(tf.sub(exponents, LOWEST), 'int32');
  const factors = tf.gather(powers(10 - LOWEST, -1, HIGHEST - LOWEST + 1), places);
  const mantissas = tf.round(tf.mul(size, factors));
  const magnitudes = tf.add(tf.mul(tf.sub(exponents, LOWEST), 1024), mantissas);
  const negative = tf.logicalAnd(tf.less(pairs, 0), tf.greater(magnitudes, 0));
  const bits = tf.where(
    missing,
    tf.fill(magnitudes.shape, NAN_BITS),
    tf.add(magnitudes, tf.mul(tf.cast(negative, 'float32'), 32768)),
  );
  const [low, high] = tf.split(bits, 2, 1);
  // The upper half of an int32 has its sign.
  const signed = tf.sub(high, tf.mul(tf.cast(tf.greaterEqual(high, 32768), 'float32'), 65536));
  const shifted = tf.mul(tf.cast(signed, 'int32'), tf.scalar(65536, 'int32'));
  return tf.reshape(tf.add(shifted, tf.cast(low, 'int32')), [words]);
});

registerComposed(UnpackHalf, ({packed}, attrs) => {
  const shape = attrs.shape as number[];
  const high = tf.floorDiv(packed, tf.scalar(65536, 'int32'));
  const low = tf.sub(packed, tf.mul(high, tf.scalar(65536, 'int32')));
  const signed = tf.cast(tf.stack([low, high], 1), 'float32');
  const bits = tf.add(signed, tf.mul(tf.cast(tf.less(signed, 0), 'float32'), 65536));
  const negative = tf.cast(tf.greaterEqual(bits, 32768), 'float32');
  const magnitudes = tf.sub(bits, tf.mul(negative, 32768));
  const places = tf.floor(tf.mul(magnitudes, 1 / 1024));
  const mantissas = tf.sub(magnitudes, tf.mul(places, 1024));
  // Subnormals, of place 0, have the exponent of place 1 and no leading one; those of place 31 are no numbers.
  const scales = tf.concat([powers(LOWEST, 0, 1), powers(LOWEST, 1, 30), tf.tensor1d([Infinity])]);
  const leading = tf.cast(tf.greater(places, 0), 'float32');
  const scale = tf.gather(scales, tf.cast(places, 'int32'));
  const sizes = tf.mul(tf.add(tf.mul(mantissas, 1 / 1024), leading), scale);
  const values = tf.mul(sizes, tf.sub(1, tf.mul(negative, 2)));
  const known = tf.where(tf.greater(magnitudes, 0x7c00), tf.fill(values.shape, NaN), values);
  const flat = tf.reshape(known, [known.size]);
  return tf.reshape(tf.slice(flat, [0], [tf.util.sizeFromShape(shape)]), shape);
});
