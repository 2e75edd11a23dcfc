/**
 * Learning-rate schedules as data: small frozen objects that say the value at a step, print and serialise.
 * Step 0 is the first update. A warm-up of `w` steps gives `peak · (step + 1) / w`, so that no step is lost at zero.
 */
import type * as tf from '@tensorflow/tfjs-core';
import {checkOptions, requireOptions} from '../ops/check_options.js';
import {checkInteger, checkMembers, checkNumber, refuseValue} from '../ops/check_values.js';

/** A learning rate as a function of the step. */
export interface Schedule {
  /** Which schedule this is; a key of `schedules`. */
  readonly schedule: string;
  /** The value at an update, counted from 0. */
  at(step: number): number;
  /** The options that make the same schedule again with `scheduleFromConfig`. */
  getConfig(): tf.serialization.ConfigDict;
}

/** A fixed learning rate, or one that follows a schedule. */
export type LearningRate = number | Schedule;

interface WarmupOptions {
  /** Value reached at the end of the warm-up. Default 1, for a schedule that scales learning rates given elsewhere. */
  peak?: number;
  /** Updates of linear rise. */
  warmupSteps: number;
}
interface DecayOptions extends WarmupOptions {
  /** Update at which the value has fallen to `floor`, and stays. */
  totalSteps: number;
  /** Default 0. */
  floor?: number;
}

function make(
  schedule: string,
  config: tf.serialization.ConfigDict,
  at: (step: number) => number,
): Schedule {
  return Object.freeze({
    schedule,
    at(step: number): number {
      return at(checkInteger(`schedule ${schedule}`, 'step', step, 0));
    },
    getConfig: () => ({schedule, ...config}),
  });
}

/** Throws unless `options` is an object with no other keys than `known`; `example` is one that works. */
function checkKeys(name: string, options: object, example: string, known: string[]): void {
  checkOptions(`schedules.${name}`, options, `schedules.${name}(${example})`, known);
}

function checkWarmup(name: string, {peak = 1, warmupSteps}: WarmupOptions): void {
  checkNumber(`schedules.${name}`, 'peak', peak);
  checkInteger(`schedules.${name}`, 'warmupSteps', warmupSteps, 0);
}

function checkDecay(name: string, options: DecayOptions, from: string, start: number): void {
  checkWarmup(name, options);
  checkNumber(`schedules.${name}`, 'floor', options.floor ?? 0);
  checkInteger(`schedules.${name}`, 'totalSteps', options.totalSteps, 1);
  if (options.totalSteps <= start) {
    throw new Error(
      `schedules.${name}: totalSteps is ${options.totalSteps}, expected more than ${from} = ${start}.`,
    );
  }
}

const rise = (step: number, warmupSteps: number) => Math.min(1, (step + 1) / warmupSteps);

/** Always `value`. */
export function constant(value = 1): Schedule {
  checkNumber('schedules.constant', 'value', value);
  return make('constant', {value}, () => value);
}

/** Linear rise to `peak` over `warmupSteps`, then `peak`. */
export function warmupConstant(options: WarmupOptions): Schedule {
  checkKeys('warmupConstant', options, '{warmupSteps: 100}', ['peak', 'warmupSteps']);
  checkWarmup('warmupConstant', options);
  const {peak = 1, warmupSteps} = options;
  return make('warmupConstant', {peak, warmupSteps}, (step) => peak * rise(step, warmupSteps));
}

/** Linear rise to `peak`, then half a cosine down to `floor` at `totalSteps`. */
export function warmupCosine(options: DecayOptions): Schedule {
  checkKeys('warmupCosine', options, '{warmupSteps: 100, totalSteps: 1000}', [
    'peak',
    'warmupSteps',
    'totalSteps',
    'floor',
  ]);
  checkDecay('warmupCosine', options, 'warmupSteps', options.warmupSteps);
  const {peak = 1, warmupSteps, totalSteps, floor = 0} = options;
  return make('warmupCosine', {peak, warmupSteps, totalSteps, floor}, (step) => {
    if (step < warmupSteps) {
      return peak * rise(step, warmupSteps);
    }
    const done = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps));
    return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * done));
  });
}

/**
 * Linear rise to `peak`, `peak` up to step `holdUntil` (default: the end of the warm-up), then linear to `floor` at `totalSteps`.
 * The recipe of the study is `warmupLinear({warmupSteps: 0.05 n, holdUntil: n / 2, totalSteps: n})` (ours; of the paper's
 * schedule only the length of the run is known, method.md section 12, row 9).
 */
export function warmupLinear(options: DecayOptions & {holdUntil?: number}): Schedule {
  const known = ['peak', 'warmupSteps', 'holdUntil', 'totalSteps', 'floor'];
  checkKeys('warmupLinear', options, '{warmupSteps: 100, totalSteps: 1000}', known);
  const {peak = 1, warmupSteps, holdUntil = warmupSteps, totalSteps, floor = 0} = options;
  checkDecay('warmupLinear', options, 'holdUntil', holdUntil);
  checkInteger('schedules.warmupLinear', 'holdUntil', holdUntil, 0);
  if (holdUntil < warmupSteps) {
    throw new Error(
      `schedules.warmupLinear: holdUntil is ${holdUntil}, expected at least warmupSteps = ${warmupSteps}.`,
    );
  }
  return make('warmupLinear', {peak, warmupSteps, holdUntil, totalSteps, floor}, (step) => {
    if (step < warmupSteps) {
      return peak * rise(step, warmupSteps);
    }
    const left = (totalSteps - step) / (totalSteps - holdUntil);
    return floor + (peak - floor) * Math.min(1, Math.max(0, left));
  });
}

/** `factor` times another schedule: how groups with different learning rates follow one. */
export function scaled(base: Schedule, factor: number): Schedule {
  checkSchedule('schedules.scaled', base, 'base');
  checkNumber('schedules.scaled', 'factor', factor);
  return make('scaled', {base: base.getConfig(), factor}, (step) => factor * base.at(step));
}

/** All schedules by name. */
export const schedules = {constant, warmupConstant, warmupCosine, warmupLinear, scaled};

/** Makes a schedule again from its `getConfig()`. */
export function scheduleFromConfig(config: tf.serialization.ConfigDict): Schedule {
  requireOptions('scheduleFromConfig', config, `{schedule: 'constant', value: 0.01}`);
  const {schedule, ...options} = config;
  switch (schedule) {
    case 'constant':
      return constant(options.value as number);
    case 'scaled':
      return scaled(
        scheduleFromConfig(options.base as tf.serialization.ConfigDict),
        options.factor as number,
      );
    case 'warmupConstant':
      return warmupConstant(options as unknown as WarmupOptions);
    case 'warmupCosine':
      return warmupCosine(options as unknown as DecayOptions);
    case 'warmupLinear':
      return warmupLinear(options as unknown as DecayOptions);
    default:
      throw new Error(
        `schedule: unknown schedule '${String(schedule)}', expected one of ${Object.keys(schedules).join(', ')}.`,
      );
  }
}

/** The learning rate at a step. */
export function learningRateAt(learningRate: LearningRate, step: number): number {
  return typeof learningRate === 'number' ? learningRate : learningRate.at(step);
}

/** Throws unless `value` is a schedule; a number is none, since it would not be saved as one. */
export function checkSchedule(where: string, value: Schedule, name = 'schedule'): void {
  const expected = 'a schedule, for instance schedules.warmupConstant({warmupSteps: 100})';
  checkMembers(where, name, value, ['at', 'getConfig'], expected);
}

/** Checks a `learningRate` option. */
export function checkLearningRate(where: string, name: string, value: LearningRate): LearningRate {
  // A list has `at` too.
  const isObject = typeof value === 'object' && value != null && !Array.isArray(value);
  if (isObject && typeof value.at === 'function') {
    return value;
  }
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    const example = 'schedules.warmupConstant({peak: 0.02, warmupSteps: 100})';
    refuseValue(
      where,
      name,
      value,
      `a number of at least 0 or a schedule, for instance ${example}`,
    );
  }
  return value;
}

/** `learningRate` as a value for `getConfig`. */
export function serializeLearningRate(
  learningRate: LearningRate,
): number | tf.serialization.ConfigDict {
  return typeof learningRate === 'number' ? learningRate : learningRate.getConfig();
}

/** The inverse of `serializeLearningRate`. */
export function deserializeLearningRate(value: tf.serialization.ConfigDictValue): LearningRate {
  return typeof value === 'object' && value != null
    ? scheduleFromConfig(value as tf.serialization.ConfigDict)
    : (value as number);
}
