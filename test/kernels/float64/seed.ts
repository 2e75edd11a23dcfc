/** Seeds that are new in every run. */

/** Of this run; set `MAPL_TEST_SEED` to the number in a failed spec's name to repeat it. */
const RUN = readSeed() ?? Math.floor(Math.random() * 2 ** 24);

function readSeed(): number | null {
  const {process} = globalThis as {process?: {env?: Record<string, string | undefined>}};
  const text = process?.env?.MAPL_TEST_SEED;
  return text == null || text === '' ? null : Number(text);
}

/** The run's seed, for names of specs. */
export function runSeed(): number {
  return RUN;
}

/** A seed for the `index`-th tensor of a case. */
export function freshSeed(index: number): number {
  return RUN * 16 + index;
}
