/** The largest values of each token, with their places. */
import {bfloat16Codec} from '../bfloat16.js';
import {bitRowBytes, readBitRow, writeBitRow} from '../bit_rows.js';
import type {LegCodec} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {rowsOf} from '../rows.js';
import {lossyLeg, type LossyFormat} from './lossy_leg.js';

/**
 * Keeps the `share` (0.1) of the values of each token that are largest in absolute value, at least one; of equal ones the first. They
 * cross in bfloat16, in the order of their places; the places as a bitmap or as a list of numbers, whichever takes fewer bytes. What is
 * not kept arrives as 0; its gradient crosses nevertheless (straight-through), unless the backward leg drops it.
 *
 * A tenth is the strongest harmless level in Rudakov et al. (arXiv 2401.07788), who found no use in `errorFeedback` (false).
 */
export const topKLegCodec: LegCodec = {
  name: 'top-k',
  version: 1,
  create(options) {
    const read = new LegOptions('top-k', options);
    const share = read.number('share', 0.1, 0, 1);
    const errorFeedback = read.flag('errorFeedback', false);
    read.done();
    const format = topKFormat(share);
    return lossyLeg({
      codec: 'top-k',
      settings: {share, errorFeedback},
      bytesPerToken: (width) => format.byteLength([1, width]),
      format,
      errorFeedback,
    });
  },
};

/** How a row of that width is laid out: the same on both ends, from the width alone. */
function layout(share: number, width: number) {
  const kept = Math.min(width, Math.max(1, Math.round(share * width)));
  const bits = Math.ceil(Math.log2(width));
  const bitmap = bitRowBytes(width, 1);
  const list = bitRowBytes(kept, bits);
  return {kept, bits, listed: list < bitmap, placeBytes: Math.min(list, bitmap)};
}

function topKFormat(share: number): LossyFormat {
  return {
    byteLength(shape) {
      const {tokens, width} = rowsOf('top-k', shape);
      const {kept, placeBytes} = layout(share, width);
      return tokens * (placeBytes + 2 * kept);
    },
    pack(values, shape) {
      const {tokens, width} = rowsOf('top-k', shape);
      const {kept, bits, listed, placeBytes} = layout(share, width);
      const bytes = new Uint8Array(tokens * (placeBytes + 2 * kept));
      const largest = new Float32Array(tokens * kept);
      for (let token = 0; token < tokens; token++) {
        const row = values.subarray(token * width, (token + 1) * width);
        const places = largestPlaces(row, kept);
        places.forEach((place, k) => (largest[token * kept + k] = row[place]));
        if (listed) {
          writeBitRow(bytes, token * placeBytes, places, bits);
        } else {
          const map = new Uint8Array(width);
          places.forEach((place) => (map[place] = 1));
          writeBitRow(bytes, token * placeBytes, map, 1);
        }
      }
      bytes.set(bfloat16Codec.pack(largest, [largest.length]), tokens * placeBytes);
      return bytes;
    },
    unpack(bytes, shape) {
      const {tokens, width} = rowsOf('top-k', shape);
      const {kept, bits, listed, placeBytes} = layout(share, width);
      const largest = bfloat16Codec.unpack(bytes.subarray(tokens * placeBytes), [tokens * kept]);
      const values = new Float32Array(tokens * width);
      const places = new Uint32Array(kept);
      const map = new Uint8Array(width);
      for (let token = 0; token < tokens; token++) {
        if (listed) {
          readBitRow(bytes, token * placeBytes, places, bits);
        } else {
          readBitRow(bytes, token * placeBytes, map, 1);
          readMap(map, places, token);
        }
        let before = -1;
        places.forEach((place, k) => {
          if (place <= before || place >= width) {
            throw new Error(
              `codec 'top-k': place ${k} of token ${token} is ${place}, expected one from ` +
                `${before + 1} to ${width - 1}: damaged bytes`,
            );
          }
          values[token * width + place] = largest[token * kept + k];
          before = place;
        });
      }
      return values;
    },
  };
}

/** Places of the `kept` largest absolute values, in order; of equal ones the first. */
function largestPlaces(row: Float32Array, kept: number): Uint32Array {
  const threshold = select(row.map(Math.abs), row.length - kept);
  let ties = kept;
  for (let i = 0; i < row.length; i++) {
    ties -= Math.abs(row[i]) > threshold ? 1 : 0;
  }
  const places = new Uint32Array(kept);
  for (let i = 0, k = 0; k < kept; i++) {
    const size = Math.abs(row[i]);
    if (size > threshold || (size === threshold && ties-- > 0)) {
      places[k++] = i;
    }
  }
  return places;
}

/** The value that sorting would bring to place `n` (Hoare's selection); reorders the values. */
function select(values: Float32Array, n: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        const value = values[i];
        values[i++] = values[j];
        values[j--] = value;
      }
    }
    if (n <= j) {
      high = j;
    } else if (n >= i) {
      low = i;
    } else {
      break;
    }
  }
  return values[n];
}

function readMap(map: Uint8Array, places: Uint32Array, token: number): void {
  let k = 0;
  map.forEach((bit, place) => {
    if (bit === 1) {
      places[Math.min(k++, places.length - 1)] = place;
    }
  });
  if (k !== places.length) {
    throw new Error(
      `codec 'top-k': token ${token} has ${k} values, expected ${places.length}: damaged bytes`,
    );
  }
}
