import type {Candidate} from './candidates.js';
import type {StepCost} from './step_costs.js';

/** A candidate with what it costs and keeps. */
export interface Weighed {
  candidate: Candidate;
  cost: StepCost;
  /** Share of the energy that the codec of the forward leg loses of what it is given, 0 or more. */
  codecLoss: number;
  /**
   * Share of the energy of the activations that arrives, 0 to 1: what the rank keeps, less what the codec loses. Null where it
   * says nothing: SSN trains the model to write into the subspace only, ResBM encodes by a network.
   */
  kept: number | null;
}

/** What a link leaves to choose from. */
export interface Affordable {
  list: Weighed[];
  /** Whether their bytes hide behind compute as asked; if not, they are merely the fastest. */
  hides: boolean;
}

/**
 * The candidates whose bytes cost at most a share of the step; where there is none, those whose step takes at most that share
 * longer than the fastest one.
 *
 * @param list At least one.
 * @param share Of a step's time.
 */
export function affordable(list: Weighed[], share: number): Affordable {
  if (!list.length) throw new Error('affordable: the list is empty, expected a candidate or more.');
  const hiding = list.filter(({cost}) => cost.bytesShare <= share);
  if (hiding.length) return {list: hiding, hides: true};
  const limit = (1 + share) * Math.min(...list.map(({cost}) => cost.seconds));
  return {list: list.filter(({cost}) => cost.seconds <= limit), hides: false};
}

const totalBytes = ({cost: {bytes}}: Weighed) => bytes.forward + bytes.backward;

/** Within a family: the widest first, of one width the most exact, of equals the one with fewer bytes. */
const byExactness = (a: Weighed, b: Weighed) =>
  b.candidate.crossed.width - a.candidate.crossed.width ||
  a.codecLoss - b.codecLoss ||
  totalBytes(a) - totalBytes(b);

/** The best of each family, in the order of the list: a higher rank never costs loss, nor does a more exact codec. */
export function finalists(list: Weighed[]): Weighed[] {
  const families = new Set(list.map(({candidate}) => candidate.family));
  return [...families].map((family) => {
    const own = list.filter(({candidate}) => candidate.family === family);
    return own.sort(byExactness)[0];
  });
}

/** The candidate that keeps most energy; one of which it says nothing only where it says nothing of any. */
export function byEnergy(list: Weighed[]): Weighed {
  const kept = ({kept}: Weighed) => kept ?? -1;
  return [...list].sort((a, b) => {
    const known = kept(b) - kept(a);
    return known || (kept(a) < 0 ? byExactness(a, b) : totalBytes(a) - totalBytes(b));
  })[0];
}

/**
 * The finalist of least loss; among equals the one with fewer bytes.
 *
 * @param losses Of the finalists, in their order; NaN for one whose trial failed.
 * @throws Error where all failed.
 */
export function byLoss(list: Weighed[], losses: readonly number[]): Weighed {
  const done = list.map((one, i) => ({one, loss: losses[i]})).filter(({loss}) => !isNaN(loss));
  if (!done.length)
    throw new Error('byLoss: no trial came to its end, so there is nothing to choose from.');
  done.sort((a, b) => a.loss - b.loss || totalBytes(a.one) - totalBytes(b.one));
  return done[0].one;
}
