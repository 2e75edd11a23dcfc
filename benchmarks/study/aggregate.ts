import type {RunSummary} from '../../src/cli/run/summary.js';

/** Methods compared, the baseline first. */
export const METHODS = ['none', 'mapl', 'fixed'] as const;

/** One of the compared methods, as `compression.method` names it. */
export type Method = (typeof METHODS)[number];

/** Several seeds' values of one number. */
export interface Spread {
  mean: number;
  /** Sample standard deviation; 0 for one seed. */
  std: number;
  min: number;
  max: number;
  values: number[];
}

/** What the seeds of one method come to. */
export interface MethodResult {
  method: Method;
  seeds: number[];
  /** Loss on text nothing was tuned on: the reported number. */
  test: Spread;
  /** Loss on text that tuning may look at. */
  validation: Spread;
  /** Difference of the test loss to the baseline of the same seed, percent. */
  deltaPercent: Spread | null;
  validationDeltaPercent: Spread | null;
  bytesPerToken: {forward: number; backward: number; total: number};
  tokensPerSecond: Spread;
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
function deltas(runs: RunSummary[], base: RunSummary[], split: 'test' | 'validation') {
  const values = runs.flatMap((run) => {
    const other = base.find(({config}) => config.training.seed === run.config.training.seed);
    if (!other) return [];
    const from = other.loss[split] as number;
    return [(100 * ((run.loss[split] as number) - from)) / from];
  });
  return values.length ? spread(values) : null;
}

/**
 * Sums up finished runs by method.
 *
 * @param runs Summaries of all finished runs.
 * @return One result a method that has runs, in the order of `METHODS`.
 */
export function aggregate(runs: RunSummary[]): MethodResult[] {
  const of = (method: Method) =>
    runs
      .filter(({config}) => config.compression.method === method)
      .sort((a, b) => a.config.training.seed - b.config.training.seed);
  const base = of('none');
  return METHODS.flatMap((method): MethodResult[] => {
    const own = of(method);
    if (!own.length) return [];
    const health = own.map(({boundaries}) => boundaries);
    return [
      {
        method,
        seeds: own.map(({config}) => config.training.seed),
        test: spread(own.map(({loss}) => loss.test as number)),
        validation: spread(own.map(({loss}) => loss.validation as number)),
        deltaPercent: method === 'none' ? null : deltas(own, base, 'test'),
        validationDeltaPercent: method === 'none' ? null : deltas(own, base, 'validation'),
        bytesPerToken: own[0].bytesPerToken.all,
        tokensPerSecond: spread(own.map(({tokensPerSecond}) => tokensPerSecond)),
        capturedEnergy: health[0].flatMap(({capturedEnergy}, p) =>
          capturedEnergy == null
            ? []
            : [spread(health.map((list) => list[p].capturedEnergy as number)).mean],
        ),
        orthogonality: health[0].length
          ? Math.max(...health.flat().map(({orthogonality}) => orthogonality ?? 0))
          : null,
      },
    ];
  });
}
