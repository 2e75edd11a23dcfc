/** Between tensors of a stage and the packed tensors of a frame. */
import * as tf from '@tensorflow/tfjs-core';
import {takeFinite} from '../codecs/finite.js';
import {getFloatCodec, getIdsCodec, type FloatCodec, type IdsCodec} from '../codecs/index.js';
import type {FrameTensor} from './wire/index.js';

/** Reads a float32 tensor, frees it, and packs its values. Throws, naming `what`, if one is not finite. */
export async function packTensor(
  codec: FloatCodec,
  name: string,
  tensor: tf.Tensor,
  what: string,
): Promise<FrameTensor> {
  const {shape} = tensor;
  const values = await takeFinite(tensor, what);
  return {
    name,
    codec: codec.name,
    dtype: 'float32',
    shape,
    bytes: codec.pack(values, shape),
  };
}

/** Packs ids. */
export function packIds(codec: IdsCodec, ids: Int32Array, shape: number[]): FrameTensor {
  return {name: 'ids', codec: codec.name, dtype: 'int32', shape, bytes: codec.pack(ids, shape)};
}

/** The values of a received float32 tensor. */
export function unpackValues({codec, bytes, shape}: FrameTensor): Float32Array {
  return getFloatCodec(codec).unpack(bytes, shape);
}

/** A received tensor, float32 or int32. */
export function unpackTensor(tensor: FrameTensor): tf.Tensor {
  const {codec, dtype, bytes, shape} = tensor;
  return dtype === 'int32'
    ? tf.tensor(getIdsCodec(codec).unpack(bytes, shape), [...shape], 'int32')
    : tf.tensor(unpackValues(tensor), [...shape], 'float32');
}

/**
 * Row-major token ids as int32, checked.
 * @param name `ids` or `targets`, for messages.
 * @throws Error naming the position of the first id that is not a whole number of the vocabulary.
 */
export function checkedIds(
  name: string,
  ids: ArrayLike<number> | undefined,
  shape: readonly number[] | undefined,
  vocabSize: number,
): Int32Array {
  if (ids == null || shape == null) {
    throw new Error(
      `${name} and their shape [batch, time] are missing: the stage reads them from the data`,
    );
  }
  const [batch, time] = shape;
  if (shape.length !== 2 || ids.length !== batch * time || ids.length === 0) {
    throw new Error(
      `${name} has ${ids.length} values, expected [batch, time] = [${shape.join(', ')}]`,
    );
  }
  for (let i = 0; i < ids.length; i++) {
    if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= vocabSize) {
      throw new Error(
        `${name}[${Math.floor(i / time)}, ${i % time}] is ${ids[i]}, ` +
          `expected a token id from 0 to ${vocabSize - 1}; check that the tokenizer belongs to this model`,
      );
    }
  }
  return ids instanceof Int32Array ? ids : Int32Array.from(ids);
}
