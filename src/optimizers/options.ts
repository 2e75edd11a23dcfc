/** Checks of the optimizers' options, each error naming the option, its value and what was expected. */

import type * as tf from '@tensorflow/tfjs-core';
import {requireOptions} from '../ops/check_options.js';

/** A saved configuration without `customObjects`, which tfjs-layers adds to every configuration that it loads. */
export function savedOptions(config: tf.serialization.ConfigDict): tf.serialization.ConfigDict {
  const {customObjects: _, ...options} = config;
  return options;
}

/** Refuses options that are not in `known`: a misspelt option would otherwise be ignored in silence. */
export function checkKeys(where: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new Error(`${where}: unknown option '${key}', expected one of ${known.join(', ')}.`);
    }
  }
}

/** `options`, if it is an object whose keys are all in `known`. To be called before anything reads it. */
export function checkOptions<T extends object>(
  where: string,
  options: T,
  known: readonly string[],
): T {
  requireOptions(where, options, `${where}({${known[0]}: 0.01})`);
  checkKeys(where, options, known);
  return options;
}

/** Checks that `value` is a finite number in `[low, high)`, `high` infinite unless given. */
export function checkNumber(
  where: string,
  name: string,
  value: number,
  low = 0,
  high = Infinity,
): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value >= high) {
    const range = high === Infinity ? `at least ${low}` : `in [${low}, ${high})`;
    throw new Error(`${where}: ${name} is ${String(value)}, expected a number ${range}.`);
  }
  return value;
}

/** Checks that `value` is an integer of at least `low`. */
export function checkInteger(where: string, name: string, value: number, low = 0): number {
  if (!Number.isInteger(value) || value < low) {
    throw new Error(
      `${where}: ${name} is ${String(value)}, expected an integer of at least ${low}.`,
    );
  }
  return value;
}
