import * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from './check_options.js';
import {checkInteger, refuseValue} from './check_values.js';

/** A `rope_scaling` (or `rope_parameters`) entry of a Hugging Face `config.json`, with its names. */
export interface RopeScaling {
  /** `default`, `linear` or `llama3`; older files call it `type`. */
  rope_type?: string;
  type?: string;
  /** How many times longer than in pre-training the context is to be. */
  factor?: number;
  /** `llama3`: wavelengths above `original / low_freq_factor` are divided by `factor`. */
  low_freq_factor?: number;
  /** `llama3`: wavelengths below `original / high_freq_factor` stay. */
  high_freq_factor?: number;
  /** `llama3`: context length of the pre-training, in tokens. */
  original_max_position_embeddings?: number;
}

/** What `rotaryTables` builds. */
export interface RotaryTableOptions {
  /** Number of positions. */
  length: number;
  /** Width of one attention head; even. */
  headDim: number;
  /** Base of the wavelengths, default 10000. */
  theta?: number;
  /** Context extension; none by default. */
  scaling?: RopeScaling | null;
  /** Position of the first row, default 0: for generation with cached keys. */
  offset?: number;
}

function positive(scaling: RopeScaling, key: keyof RopeScaling, type: string): number {
  const value = scaling[key];
  if (typeof value !== 'number' || !(value > 0)) {
    throw new Error(
      `rotaryTables: 'scaling.${key}' is ${String(value)}; rope type '${type}' needs a positive number.`,
    );
  }
  return value;
}

/** Applies a scaling to the frequency of one pair of components (radians per position). */
function scaledFrequency(scaling: RopeScaling | null | undefined): (frequency: number) => number {
  const type = scaling?.rope_type ?? scaling?.type ?? 'default';
  if (scaling == null || type === 'default') {
    return (frequency) => frequency;
  }
  if (type === 'linear') {
    const factor = positive(scaling, 'factor', type);
    return (frequency) => frequency / factor;
  }
  if (type === 'llama3') {
    const factor = positive(scaling, 'factor', type);
    const low = positive(scaling, 'low_freq_factor', type);
    const high = positive(scaling, 'high_freq_factor', type);
    const original = positive(scaling, 'original_max_position_embeddings', type);
    return (frequency) => {
      const turns = (original * frequency) / (2 * Math.PI);
      if (turns < low) {
        return frequency / factor;
      }
      if (turns > high) {
        return frequency;
      }
      const keep = (turns - low) / (high - low);
      return (1 - keep) * (frequency / factor) + keep * frequency;
    };
  }
  throw new Error(
    `rotaryTables: rope type '${type}' is not supported; expected 'default', 'linear' or 'llama3'.`,
  );
}

/**
 * Cosines and sines for `rotaryEmbedding`: row `t`, column `i` has the angle `(t + offset) · theta^(−2i/headDim)`,
 * scaled for longer contexts as Hugging Face's rope types `linear` and `llama3` do.
 *
 * Computed in float64 and rounded once, so that the tables are the same on every backend.
 *
 * @param options Size, base and scaling.
 * @returns `cos` and `sin`, float32 `[length, headDim/2]`; the caller disposes them.
 * @throws Error if a number is out of range, a key is not known or the rope type is none of the three.
 */
export function rotaryTables(options: RotaryTableOptions): {cos: tf.Tensor2D; sin: tf.Tensor2D} {
  const known = ['length', 'headDim', 'theta', 'scaling', 'offset'];
  checkOptions('rotaryTables', options, 'rotaryTables({length: 128, headDim: 32})', known);
  const {length, headDim, theta = 10000, scaling, offset = 0} = options;
  checkInteger('rotaryTables', 'length', length, 1);
  checkInteger('rotaryTables', 'headDim', headDim, 2);
  checkInteger('rotaryTables', 'offset', offset, 0);
  if (headDim % 2 !== 0) {
    refuseValue('rotaryTables', 'headDim', headDim, 'an even number');
  }
  if (!(theta > 0)) {
    refuseValue('rotaryTables', 'theta', theta, 'a positive number, for instance 10000');
  }
  const half = headDim / 2;
  const scale = scaledFrequency(scaling);
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let i = 0; i < half; i++) {
    const frequency = scale(theta ** ((-2 * i) / headDim));
    for (let t = 0; t < length; t++) {
      const angle = (t + offset) * frequency;
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return {cos: tf.tensor2d(cos, [length, half]), sin: tf.tensor2d(sin, [length, half])};
}
