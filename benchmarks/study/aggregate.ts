import type {RecordedRun} from './ledger.js';

/** Several seeds' values of one number. */
export interface Spread {
  mean: number;
  /** Sample standard deviation; 0 for one seed. */
  std: number;
  min: number;
  max: number;
  values: number[];
}

/** What the seeds of one row, cut into a number of stages, come to. */
export interface CellResult {
  row: string;
  stages: number;
  seeds: number[];
  /** Loss on text nothing was tuned on: the reported number. */
  test: Spread;
  /** Loss on text that tuning may look at. */
  validation: Spread;
  /** Difference of the test loss to the baseline of the same seed, percent. */
  deltaPercent: Spread | null;
  validationDeltaPercent: Spread | null;
  /** A boundary's, mean over the boundaries. */
  bytesPerToken: {forward: number; backward: number; total: number};
  parameters: number;
  /** By boundary: mean share of the residual's energy that crosses. */
  capturedEnergy: number[];
  /** Largest ‖AᵀA − I‖₂ over boundaries and seeds. */
  orthogonality: number | null;
}

/** Mean, standard deviation and range. */
export function spread(values: number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    std: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    min: Math.min(...values),
    max: Math.max(...values),
    values,
  };
}

/** Differences to the baseline of the same seed, percent; seeds without a baseline are left out. */
function deltas(runs: RecordedRun[], base: RecordedRun[], split: 'test' | 'validation') {
  const values = runs.flatMap(({seed, summary}) => {
    const other = base.find((run) => run.seed === seed);
    if (!other) return [];
    const from = other.summary.loss[split] as number;
    return [(100 * ((summary.loss[split] as number) - from)) / from];
  });
  return values.length ? spread(values) : null;
}

/**
 * Sums up finished runs by row and number of stages.
 *
 * @param runs All finished runs.
 * @param baseline Row that the others are compared with, at whatever number of stages it was run.
 */
export function aggregate(runs: RecordedRun[], baseline: string): CellResult[] {
  const base = runs.filter(({row}) => row === baseline);
  const cells = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const key = `${run.row} ${run.stages}`;
    cells.set(key, [...(cells.get(key) ?? []), run]);
  }
  return [...cells.values()].map((list): CellResult => {
    const own = [...list].sort((a, b) => a.seed - b.seed);
    const [{row, stages, summary: first}] = own;
    const health = own.map(({summary}) => summary.boundaries);
    const {all, boundaries} = first.bytesPerToken;
    const each = (value: number) => value / Math.max(1, boundaries.length);
    const orthogonality = health.flat().flatMap((one) => one.orthogonality ?? []);
    return {
      row,
      stages,
      seeds: own.map(({seed}) => seed),
      test: spread(own.map(({summary}) => summary.loss.test as number)),
      validation: spread(own.map(({summary}) => summary.loss.validation as number)),
      deltaPercent: row === baseline ? null : deltas(own, base, 'test'),
      validationDeltaPercent: row === baseline ? null : deltas(own, base, 'validation'),
      bytesPerToken: {
        forward: each(all.forward),
        backward: each(all.backward),
        total: each(all.total),
      },
      parameters: first.parameters,
      capturedEnergy: boundaries.flatMap((_, p) => {
        const shares = health.flatMap((one) => one[p]?.capturedEnergy ?? []);
        return shares.length ? [spread(shares).mean] : [];
      }),
      orthogonality: orthogonality.length ? Math.max(...orthogonality) : null,
    };
  });
}
