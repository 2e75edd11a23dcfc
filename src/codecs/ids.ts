import {checkInteger} from '../ops/check_values.js';
import {alignedCopy, checkBytes, checkValues, elementsOf} from './check_bytes.js';
import type {IdsCodec} from './codec.js';

function unsignedCodec(
  name: string,
  packedArray: typeof Uint16Array | typeof Uint32Array,
  largest: number,
): IdsCodec {
  const width = packedArray.BYTES_PER_ELEMENT;
  return {
    name,
    version: 1,
    dtype: 'int32',
    byteLength: (shape) => width * elementsOf(name, shape),
    pack(values, shape) {
      checkValues(name, values, Int32Array, shape);
      const packed = new packedArray(values.length);
      for (let i = 0; i < values.length; i++) {
        const id = values[i];
        if (id < 0 || id > largest) {
          throw new Error(
            `codec '${name}': the id at index ${i} is ${id}; ids must lie in 0..${largest}.`,
          );
        }
        packed[i] = id;
      }
      return new Uint8Array(packed.buffer);
    },
    unpack(bytes, shape) {
      checkBytes(name, bytes, shape, width);
      const packed = new packedArray(alignedCopy(bytes));
      const values = new Int32Array(packed.length);
      for (let i = 0; i < packed.length; i++) {
        if (packed[i] > largest) {
          throw new Error(
            `codec '${name}': the id at index ${i} is ${packed[i]}; ids must lie in 0..${largest}.`,
          );
        }
        values[i] = packed[i];
      }
      return values;
    },
  };
}

/** Token ids of a vocabulary of at most 65536 words: two bytes each. */
export const uint16Codec = unsignedCodec('uint16', Uint16Array, 0xffff);

/** Token ids of a larger vocabulary: four bytes each, up to the largest int32. */
export const uint32Codec = unsignedCodec('uint32', Uint32Array, 0x7fffffff);

/** The narrowest codec that holds every id of a vocabulary of `vocabSize` words. */
export function idsCodec(vocabSize: number): IdsCodec {
  checkInteger('idsCodec', 'vocabSize', vocabSize, 1, 2 ** 31);
  return vocabSize <= 0x10000 ? uint16Codec : uint32Codec;
}
