/** Arguments that are an object of options: its absence, and keys that nothing reads. */
import {closest} from 'fastest-levenshtein';

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
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return options;
  const what =
    given === undefined
      ? 'missing'
      : given === null
        ? 'null'
        : Array.isArray(given)
          ? 'an array'
          : `the ${typeof given} ${String(given)}`;
  throw new Error(
    `${where}: the argument is ${what}, expected an object, for instance ${example}.`,
  );
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
