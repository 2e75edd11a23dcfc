import type {Candidate} from './candidates.js';
import type {StepCost} from './step_costs.js';

/** A candidate with what it costs and keeps. */
export interface Weighed {
  candidate: Candidate;
  cost: StepCost;
  /** Share of the energy of the activations that arrives, 0 to 1: what the rank keeps, less what the codec loses. */
  kept: number;
}

/** What was chosen, and why. */
export interface Choice {
  best: Weighed;
  /** Whether its bytes hide behind compute as asked; if not, it is merely the fastest. */
  hides: boolean;
}

/**
 * The candidate that keeps the most energy among those whose bytes cost at most a share of the step; among equals the one with
 * fewer bytes. Where none hides, the fastest.
 *
 * @param list At least one.
 * @param share Of a step's time.
 */
export function choose(list: Weighed[], share: number): Choice {
  if (!list.length) throw new Error('choose: the list is empty, expected at least one candidate.');
  const total = ({cost: {bytes}}: Weighed) => bytes.forward + bytes.backward;
  const hiding = list.filter(({cost}) => cost.bytesShare <= share);
  const order = hiding.length
    ? (a: Weighed, b: Weighed) => b.kept - a.kept || total(a) - total(b)
    : (a: Weighed, b: Weighed) => a.cost.seconds - b.cost.seconds || total(a) - total(b);
  const [best] = (hiding.length ? hiding : [...list]).sort(order);
  return {best, hides: hiding.length > 0};
}
