/** Tables of calls that must be refused by name. */

/** A call as JavaScript makes it, and what its error must say. */
export type Refusal = [call: string, run: () => unknown, message: RegExp];

/** Errors that say how the code is made, not what is wrong with an argument. */
const RAW = [TypeError, RangeError, ReferenceError, SyntaxError];

/** `f` without its types. */
export const untyped = (f: unknown) => f as (...args: unknown[]) => unknown;

/** `cls` without its types: constructs one. */
export const construct =
  (cls: unknown) =>
  (...args: unknown[]): unknown =>
    new (cls as new (...args: unknown[]) => unknown)(...args);

/** What `run` throws, or what its promise is rejected with; undefined where it is neither. */
export async function failureOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Whether an error came out of the language, or is no error at all. */
export function isRaw(error: unknown): boolean {
  return !(error instanceof Error) || RAW.some((type) => error instanceof type);
}

/** A spec for each call: it throws an `Error`, of no type of the language's own, whose message fits. */
export function itRefuses(refusals: readonly Refusal[]): void {
  for (const [call, run, message] of refusals) {
    it(`refuses ${call}`, async () => {
      const error = await failureOf(run);
      expect(isRaw(error))
        .withContext(String((error as Error)?.stack ?? error))
        .toBeFalse();
      expect((error as Error).message).toMatch(message);
    });
  }
}
