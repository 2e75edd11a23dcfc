import type {RunConfig} from '../config/schema.js';
import type {BoundaryHealth, EvaluationRecord, MetricsRecord, StepRecord} from './records.js';
import type {BytesPerToken, RunSummary} from './summary.js';

/** What metrics cannot tell about a run. */
export interface RunFacts {
  name: string;
  status: RunSummary['status'];
  error?: string;
  config: RunConfig;
  backend: RunSummary['backend'];
  dataHash: string;
  stages: RunSummary['stages'];
  checkpoint: string | null;
  versions: Record<string, string>;
}

/** Steps whose mean is the training loss of a summary. */
const LAST_STEPS = 20;

function median(values: number[]): number {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** Payload bytes a token at each boundary, over all steps. */
function bytesPerToken(steps: StepRecord[]): RunSummary['bytesPerToken'] {
  const tokens = sum(steps.map((step) => step.tokens)) || 1;
  const boundaries = (steps[0]?.forwardBytes ?? []).map((_, p): BytesPerToken => {
    const forward = sum(steps.map((step) => step.forwardBytes[p])) / tokens;
    const backward = sum(steps.map((step) => step.backwardBytes[p])) / tokens;
    return {forward, backward, total: forward + backward};
  });
  const all = (leg: keyof BytesPerToken) => sum(boundaries.map((bytes) => bytes[leg]));
  return {
    boundaries,
    all: {forward: all('forward'), backward: all('backward'), total: all('total')},
    overhead: sum(steps.map((step) => step.overheadBytes)) / tokens,
  };
}

/** The last loss measured on a split, if it was measured after the last step. */
function lastLoss(records: MetricsRecord[], split: 'validation' | 'test', step: number) {
  const found = records.filter(
    (record): record is EvaluationRecord => record.kind === 'evaluation' && record.split === split,
  );
  const last = found.at(-1);
  return last?.step === step ? last.loss : null;
}

/**
 * What a run comes to, from its metrics of all sessions.
 *
 * @param records The lines of `metrics.jsonl`.
 * @param facts What they do not say.
 */
export function summarise(records: MetricsRecord[], facts: RunFacts): RunSummary {
  const steps = records.filter((record): record is StepRecord => record.kind === 'step');
  const last = steps.at(-1)?.step ?? 0;
  const recent = steps.slice(-LAST_STEPS).map((step) => step.loss);
  const diagnostics = records.filter((record) => record.kind === 'diagnostics').at(-1);
  return {
    ...facts,
    parameters: sum(facts.stages.map((stage) => stage.parameters)),
    steps: last,
    tokens: sum(steps.map((step) => step.tokens)),
    seconds: sum(steps.map((step) => step.seconds)),
    tokensPerSecond: median(steps.map((step) => step.tokens / step.seconds)),
    loss: {
      train: recent.length ? sum(recent) / recent.length : null,
      validation: lastLoss(records, 'validation', last),
      test: lastLoss(records, 'test', last),
    },
    bytesPerToken: bytesPerToken(steps),
    boundaries: (diagnostics?.boundaries as BoundaryHealth[] | undefined) ?? [],
  };
}
