import type {TextTable} from '../report/comparison.js';
import {
  formatDelta,
  formatLoss,
  formatNumber,
  formatSeconds,
  formatShare,
} from '../report/format.js';
import type {Weighed} from './choose.js';
import type {ProbedRun} from './probe_run.js';
import type {RunShape} from './step_costs.js';
import type {Trial} from './trial.js';

/** Tells people something. */
type Log = (line: string) => void;

/** Says what the weighing stands on. */
export function explainMeasured(
  run: RunShape,
  probe: ProbedRun | null,
  timed: boolean,
  log: Log,
): void {
  const {link, stages, tokens, microbatches, schedule, stepSeconds} = run;
  log(
    `--auto-rank: ${formatNumber(link.mbps)} Mbit/s and ${link.delayMs} ms between ${stages} stages, ` +
      `${tokens} tokens a step in ${microbatches} microbatches (${schedule}), ` +
      `${formatNumber(stepSeconds)} s of compute a step (${timed ? 'measured' : 'given'})`,
  );
  log(
    probe === null
      ? 'Energy: as if it were spread evenly, since the model is new and no step was made.'
      : `Energy: of the activations ${probe.steps ? `after ${probe.steps} steps` : 'of the model'}, ` +
          'by the best projector without anchors, less what the codec loses.',
  );
}

/** A row of the table: a setting, and its trial where it had one. */
export interface Reasoned {
  one: Weighed;
  trial?: Trial | null;
}

/**
 * The table of what was weighed: bytes a token at one boundary, share of energy kept, loss on validation text and parameters of the
 * trial, set against those of the first row, time of a step and of the run.
 */
export function reasoningTable(
  rows: readonly Reasoned[],
  {best, steps}: {best: Weighed; steps: number},
): TextTable {
  const plain = rows[0].trial;
  const tried = plain != null;
  const results = ({loss, parameters}: Trial) => [
    isNaN(loss) ? 'failed' : formatLoss(loss),
    formatDelta(isNaN(loss) ? null : loss, plain!.loss),
    formatDelta(isNaN(loss) ? null : parameters, plain!.parameters),
  ];
  return {
    head: [
      ...['', 'Setting', 'Bytes forward', 'backward', 'Energy'],
      ...(tried ? ['Loss', 'to none', 'Parameters'] : []),
      ...['s/step', 'bytes cost', `${steps} steps`],
    ],
    rows: rows.map(({one, trial}) => [
      one === best ? '→' : '',
      one.candidate.label,
      formatNumber(one.cost.bytes.forward),
      formatNumber(one.cost.bytes.backward),
      one.kept == null ? '–' : formatShare(one.kept),
      ...(trial && tried ? results(trial) : []),
      formatNumber(one.cost.seconds),
      formatShare(one.cost.bytesShare),
      formatSeconds(one.cost.seconds * steps),
    ]),
  };
}

/** What was chosen, and by what. */
export interface Chosen {
  best: Weighed;
  /** The run without compression. */
  plain: Weighed;
  hides: boolean;
  hideShare: number;
  /** Steps of the trials; 0 where there were none. */
  trialSteps: number;
  /** Steps of the run. */
  steps: number;
}

/** Says what is taken and why, and what it is worth. */
export function explainChoice(chosen: Chosen, log: Log): void {
  const {best, plain, hides, hideShare, trialSteps, steps} = chosen;
  const {label} = best.candidate;
  const share = formatShare(hideShare);
  const virtue = trialSteps
    ? `the lowest validation loss after ${trialSteps} steps`
    : best.kept === null
      ? 'the highest rank'
      : 'the most energy kept';
  const among = hides
    ? `among those whose bytes cost at most ${share} of a step`
    : `among those at most ${share} slower than the fastest; no setting's bytes hide behind compute ` +
      `(at most ${share} of a step): larger batches or a faster link would help`;
  log(`--auto-rank takes ${label}: ${virtue} ${among}.`);
  const time = ({cost}: Weighed) => formatSeconds(cost.seconds * steps);
  log(
    `${steps} steps over this link: ${time(best)}, ${time(plain)} without compression ` +
      `(÷${(plain.cost.seconds / best.cost.seconds).toFixed(2)}); delays are ${formatShare(best.cost.delayShare)} ` +
      'of a step, which no compression changes.',
  );
}
