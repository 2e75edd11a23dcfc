/** Seeds that are new in every run. */
import {setting} from '../../support/setting.js';

/** Of this run; set `MAPL_TEST_SEED` to the number in a failed spec's name to repeat it. */
const RUN = readSeed() ?? Math.floor(Math.random() * 2 ** 24);

function readSeed(): number | null {
  const text = setting('MAPL_TEST_SEED');
  return text == null ? null : Number(text);
}

/** The run's seed, for names of specs. */
export function runSeed(): number {
  return RUN;
}

/** A seed for the `index`-th tensor of a case. */
export function freshSeed(index: number): number {
  return RUN * 16 + index;
}
