/** Single arguments: how a bad value reads in a message, and checks that name argument, value and what was expected. */
import * as tf from '@tensorflow/tfjs-core';

/** `value` as it reads after "is": `missing`, `null`, `'text'`, `NaN`, `an array`, `a float32 tensor of shape [2]`. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return 'an array';
  if (value instanceof tf.Tensor) return `a ${value.dtype} tensor of shape [${value.shape}]`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) {
    const name = (value.constructor as {name?: string} | undefined)?.name ?? 'Object';
    return name === 'Object' ? 'an object' : `an object of class ${name}`;
  }
  return String(value);
}

/** Throws the error that all checks here throw. `where` is the function called, `expected` ends with how to mend it. */
export function refuseValue(where: string, name: string, value: unknown, expected: string): never {
  throw new Error(`${where}: ${name} is ${describeValue(value)}, expected ${expected}.`);
}

/** `value`, if it is a text that is not empty. */
export function checkText(where: string, name: string, value: unknown, expected: string): string {
  return typeof value === 'string' && value !== ''
    ? value
    : refuseValue(where, name, value, expected);
}

/** `value`, if it is a function. */
export function checkFunction<T>(where: string, name: string, value: T, expected: string): T {
  return typeof value === 'function' ? value : refuseValue(where, name, value, expected);
}

/** `value`, if it is a list; a typed array is none. */
export function checkList<T>(where: string, name: string, value: T, expected: string): T {
  return Array.isArray(value) ? value : refuseValue(where, name, value, expected);
}

/** `value`, if it is bytes. */
export function checkBytes(where: string, name: string, value: Uint8Array): Uint8Array {
  return value instanceof Uint8Array
    ? value
    : refuseValue(where, name, value, 'bytes (a Uint8Array)');
}

/** `value`, if it is an object that has the methods or fields `members`. */
export function checkMembers<T>(
  where: string,
  name: string,
  value: T,
  members: readonly string[],
  expected: string,
): T {
  const ok =
    typeof value === 'object' &&
    value !== null &&
    members.every((member) => (value as Record<string, unknown>)[member] !== undefined);
  return ok ? value : refuseValue(where, name, value, expected);
}

/** `value`, if it is `true` or `false`. The text `'false'` would otherwise count as true. */
export function checkBoolean(where: string, name: string, value: boolean): boolean {
  return typeof value === 'boolean' ? value : refuseValue(where, name, value, 'true or false');
}

/** `value`, if it is a tensor of tfjs. */
export function checkTensor<T extends tf.Tensor>(where: string, name: string, value: T): T {
  return value instanceof tf.Tensor
    ? value
    : refuseValue(where, name, value, 'a tensor, for instance of tf.tensor(…)');
}

/** `value`, if it is a whole number from `least` to `most`, which is the largest safe one unless given. */
export function checkInteger(
  where: string,
  name: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const open = most === Number.MAX_SAFE_INTEGER;
  const range = open ? `of at least ${least}` : `from ${least} to ${most}`;
  return Number.isSafeInteger(value) && value >= least && value <= most
    ? value
    : refuseValue(where, name, value, `a whole number ${range}`);
}

/** `value`, if it is a finite number in `[low, high)`; `high` is infinite unless given. */
export function checkNumber(
  where: string,
  name: string,
  value: number,
  low = 0,
  high = Infinity,
): number {
  const range = high === Infinity ? `of at least ${low}` : `in [${low}, ${high})`;
  return Number.isFinite(value) && value >= low && value < high
    ? value
    : refuseValue(where, name, value, `a number ${range}`);
}

/** `value`, if it is a finite number above 0. */
export function checkPositive(where: string, name: string, value: number): number {
  return Number.isFinite(value) && value > 0
    ? value
    : refuseValue(where, name, value, 'a number above 0');
}

/** `value`, if it can seed random numbers. */
export function checkSeed(where: string, value: number, name = 'seed'): number {
  return Number.isSafeInteger(value)
    ? value
    : refuseValue(where, name, value, 'an integer, for instance 42');
}
