import {InvalidArgumentError, Option} from 'commander';

/** A whole number of 0 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '') {
    throw new InvalidArgumentError('expected a whole number of 0 or more.');
  }
  return value;
}

/** A number of 0 or more. */
export function nonNegative(text: string): number {
  const value = Number(text);
  if (!(value >= 0) || !Number.isFinite(value) || text.trim() === '') {
    throw new InvalidArgumentError('expected a number of 0 or more.');
  }
  return value;
}

/** A number above 0. */
export function positive(text: string): number {
  const value = nonNegative(text);
  if (value === 0) throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

/** `--backend` of commands that use one model in one process. */
export function backendOption(): Option {
  return new Option('--backend <name>', 'tfjs backend; auto takes the fastest that works')
    .choices(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
    .default('auto');
}
