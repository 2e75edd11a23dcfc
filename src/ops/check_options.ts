/** Arguments that are an object of options: its absence, and keys that nothing reads. */
import {closest} from 'fastest-levenshtein';
import {refuseValue} from './check_values.js';

/**
 * `options`, if it is an object.
 *
 * @param where Begins the message: the function called.
 * @param options What it was given.
 * @param example A call that works, for the message.
 * @throws Error if it is missing, or is no object.
 */
export function requireOptions<T extends object>(where: string, options: T, example: string): T {
  const given: unknown = options;
  return typeof given === 'object' && given !== null && !Array.isArray(given)
    ? options
    : refuseValue(where, 'the argument', given, `an object, for instance ${example}`);
}

/**
 * Refuses keys that are not in `known`: a misspelt one would be ignored in silence.
 *
 * @throws Error naming the key and the one that is most like it.
 */
export function refuseUnknownKeys(where: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new Error(
        `${where}: unknown key '${key}', did you mean '${closest(key, [...known])}'? ` +
          `Known are ${known.join(', ')}.`,
      );
    }
  }
}

/**
 * `options`, if it is an object whose keys are all in `known`. To be called before anything reads it.
 *
 * @param where Begins the message: the function called.
 * @param options What it was given.
 * @param example A call that works, for the message.
 * @param known All keys that something reads.
 * @throws Error if it is missing or no object, or naming the key.
 */
export function checkOptions<T extends object>(
  where: string,
  options: T,
  example: string,
  known: readonly string[],
): T {
  refuseUnknownKeys(where, requireOptions(where, options, example), known);
  return options;
}
