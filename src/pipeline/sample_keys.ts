/** Numbers that tell sequences apart, for codecs that remember what they sent of each. */
import {uint32Codec} from '../codecs/ids.js';
import type {FrameTensor} from './wire/index.js';

const LOW_BITS = 31;

/**
 * A key for each row of token ids: 53 bits of a hash of the row. Equal rows have equal keys; two others have the same by a chance
 * of one in 10¹⁶.
 */
export function sampleKeys(ids: ArrayLike<number>, rows: number, time: number): number[] {
  return Array.from({length: rows}, (_, row) => {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let i = row * time; i < (row + 1) * time; i++) {
      low = mix(low ^ ids[i]);
      high = mix(Math.imul(high, 0x01000193) ^ ids[i]);
    }
    return (mix(high ^ low) >>> (LOW_BITS - 21)) * 2 ** LOW_BITS + (low >>> (32 - LOW_BITS));
  });
}

/** Packs keys: eight bytes each. */
export function packKeys(keys: readonly number[]): FrameTensor {
  const shape = [keys.length, 2];
  const halves = keys.flatMap((key) => [Math.floor(key / 2 ** LOW_BITS), key % 2 ** LOW_BITS]);
  const bytes = uint32Codec.pack(Int32Array.from(halves), shape);
  return {name: 'keys', codec: uint32Codec.name, dtype: 'int32', shape, bytes};
}

/** The keys that `packKeys` packed. */
export function unpackKeys({codec, shape, bytes}: FrameTensor): number[] {
  if (codec !== uint32Codec.name || shape.length !== 2 || shape[1] !== 2) {
    throw new Error(
      `keys of shape [${shape.join(', ')}] were packed by '${codec}', ` +
        `expected [sequences, 2] and '${uint32Codec.name}'`,
    );
  }
  const halves = uint32Codec.unpack(bytes, shape);
  return Array.from(
    {length: shape[0]},
    (_, i) => halves[2 * i] * 2 ** LOW_BITS + halves[2 * i + 1],
  );
}

/** Murmur3's finaliser. */
function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
