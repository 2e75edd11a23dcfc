/** Uniform quantisation in blocks that share a scale, with or without a rotation of the block. */
import {bitRowBytes, readBitRow, writeBitRow} from './bit_rows.js';
import type {Uniform} from './crossing_random.js';
import {hadamard} from './hadamard.js';
import {rowsOf} from './rows.js';

/** Larger values are refused: their scales and sums would leave float32. */
const LARGEST = 2 ** 120;

/** How blocks are quantised. */
export interface BlockQuantiserArgs {
  /** Name of the codec, for messages. */
  codec: string;
  /** Bits a value, 2 to 8. */
  bits: number;
  /** Sizes of the blocks of a row of that width, in order. */
  blocks(width: number): number[];
  /** Whether blocks, of sizes that are powers of two, are multiplied by the Hadamard matrix first. */
  rotate: boolean;
}

/**
 * Each block of a row becomes whole numbers `−L … L`, `L = 2^(bits−1) − 1`, times a scale. The scale is the largest absolute value
 * divided by L, rounded up to bfloat16: nothing is cut off, so that random rounding stays without bias.
 *
 * Bytes: two of scale for every block of every row, then the rows' numbers plus L, `bits` bits each.
 */
export class BlockQuantiser {
  private readonly levels: number;

  constructor(private readonly args: BlockQuantiserArgs) {
    this.levels = 2 ** (args.bits - 1) - 1;
  }

  /** Bytes of a row. */
  rowBytes(width: number): number {
    return 2 * this.args.blocks(width).length + bitRowBytes(width, this.args.bits);
  }

  /** Bytes of a tensor. */
  byteLength(shape: readonly number[]): number {
    const {tokens, width} = rowsOf(this.args.codec, shape);
    return tokens * this.rowBytes(width);
  }

  /**
   * Packs finite values.
   * @param uniform Rounds value `i` up with the probability of its fraction: `floor(x + uniform(i))`.
   */
  pack(values: Float32Array, shape: readonly number[], uniform: Uniform): Uint8Array {
    const {codec, bits, rotate} = this.args;
    const {tokens, width} = rowsOf(codec, shape);
    const blocks = this.args.blocks(width);
    const bytes = new Uint8Array(tokens * this.rowBytes(width));
    const view = new DataView(bytes.buffer);
    const scratch = new Float64Array(Math.max(0, ...blocks));
    const numbers = new Uint8Array(width);
    const bodyAt = 2 * blocks.length * tokens;
    const {levels} = this;
    for (let token = 0, i = 0, scaleAt = 0; token < tokens; token++) {
      let column = 0;
      for (const size of blocks) {
        for (let k = 0; k < size; k++) {
          scratch[k] = values[i + k];
        }
        if (rotate) {
          hadamard(scratch, size);
        }
        const scale = this.scaleOf(scratch, size);
        view.setUint16(scaleAt, scale.bits, true);
        scaleAt += 2;
        for (let k = 0; k < size; k++, i++) {
          const x = scale.value === 0 ? 0 : Math.floor(scratch[k] / scale.value + uniform(i));
          // A number at the very end, rounded up by the last bit of a division.
          numbers[column++] = Math.min(levels, Math.max(-levels, x)) + levels;
        }
      }
      writeBitRow(bytes, bodyAt + token * bitRowBytes(width, bits), numbers, bits);
    }
    return bytes;
  }

  /** The values of packed bytes. Throws, naming the place, if the bytes are none that `pack` makes. */
  unpack(bytes: Uint8Array, shape: readonly number[]): Float32Array {
    const {codec, bits, rotate} = this.args;
    const {tokens, width} = rowsOf(codec, shape);
    const blocks = this.args.blocks(width);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = new Float32Array(tokens * width);
    const scratch = new Float64Array(Math.max(0, ...blocks));
    const numbers = new Uint8Array(width);
    const bodyAt = 2 * blocks.length * tokens;
    const {levels} = this;
    for (let token = 0, i = 0, scaleAt = 0; token < tokens; token++) {
      readBitRow(bytes, bodyAt + token * bitRowBytes(width, bits), numbers, bits);
      let column = 0;
      for (const size of blocks) {
        const scale = bfloat16Value(view.getUint16(scaleAt, true));
        scaleAt += 2;
        if (!(scale >= 0 && scale <= LARGEST)) {
          throw new Error(`codec '${codec}': a scale of token ${token} is ${scale}: damaged bytes`);
        }
        for (let k = 0; k < size; k++) {
          const number = numbers[column++];
          if (number > 2 * levels) {
            throw new Error(
              `codec '${codec}': value ${column - 1} of token ${token} is ${number - levels}, ` +
                `expected at most ${levels}: damaged bytes`,
            );
          }
          scratch[k] = (number - levels) * scale;
        }
        if (rotate) {
          hadamard(scratch, size);
        }
        for (let k = 0; k < size; k++) {
          values[i++] = scratch[k];
        }
      }
    }
    return values;
  }

  private scaleOf(block: Float64Array, size: number): {bits: number; value: number} {
    let largest = 0;
    for (let k = 0; k < size; k++) {
      largest = Math.max(largest, Math.abs(block[k]));
    }
    if (largest > LARGEST) {
      throw new Error(
        `codec '${this.args.codec}': a value of ${largest} crosses, expected at most 2^120`,
      );
    }
    const bits = bfloat16Above(largest / this.levels);
    return {bits, value: bfloat16Value(bits)};
  }
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Bits of the smallest bfloat16 that is not below `x >= 0`. */
function bfloat16Above(x: number): number {
  float[0] = x;
  const bits = word[0] >>> 16;
  return bfloat16Value(bits) < x ? bits + 1 : bits;
}

function bfloat16Value(bits: number): number {
  word[0] = bits << 16;
  return float[0];
}
