import type {BoundaryHealth, MetricsRecord, StepRecord} from '../run/records.js';

/** Points of one run for one chart, x ascending. */
export interface Curve {
  name: string;
  x: number[];
  y: number[];
}

/** Curves of one run: training loss smoothed, held-out loss, measurements of each boundary. */
export interface RunCurves {
  trainBySteps: Curve;
  trainByBytes: Curve;
  heldOutBySteps: Curve;
  heldOutByBytes: Curve;
  /** Captured energy, percent. */
  energy: Curve[];
  /** Rank that keeps 99 % of the energy. */
  ranks: Curve[];
  /** Mean principal angle to the boundary before, degrees. */
  angles: Curve[];
}

/** One curve a boundary, of what was measured of it. */
function boundaryCurves(
  name: string,
  records: MetricsRecord[],
  measure: (health: BoundaryHealth) => number | undefined,
): Curve[] {
  const curves = new Map<number, Curve>();
  for (const record of records) {
    if (record.kind !== 'diagnostics') continue;
    for (const health of record.boundaries) {
      const value = measure(health);
      if (value == null) continue;
      const {boundary} = health;
      const label = `${name}, boundary ${boundary} → ${boundary + 1}`;
      const curve = curves.get(boundary) ?? {name: label, x: [], y: []};
      curve.x.push(record.step);
      curve.y.push(value);
      curves.set(boundary, curve);
    }
  }
  return [...curves.values()];
}

/** Most points a curve is drawn with; more than a screen has columns adds nothing. */
const MAX_POINTS = 600;

/** Every n-th point and the last. */
function thin({name, x, y}: Curve): Curve {
  const every = Math.ceil(x.length / MAX_POINTS);
  if (every <= 1) return {name, x, y};
  const keep = (_: number, i: number) => i % every === 0 || i === x.length - 1;
  return {name, x: x.filter(keep), y: y.filter(keep)};
}

/**
 * Makes curves of a run's metrics.
 *
 * @param name What the run is called in legends.
 * @param records Its metrics, in order.
 */
export function runCurves(name: string, records: MetricsRecord[]): RunCurves {
  const steps = records.filter((record): record is StepRecord => record.kind === 'step');
  const sum = (list: number[]) => list.reduce((total, value) => total + value, 0);
  const bytesAt = new Map<number, number>([[0, 0]]);
  let bytes = 0;
  let mean = 0;
  const train: Curve = {name, x: [], y: []};
  const trainBytes: Curve = {name, x: [], y: []};
  steps.forEach((record, i) => {
    bytes += sum(record.forwardBytes) + sum(record.backwardBytes);
    bytesAt.set(record.step, bytes);
    // Running mean over some 20 steps, unbiased at the start.
    const weight = Math.max(1 / (i + 1), 0.05);
    mean += weight * (record.loss - mean);
    train.x.push(record.step);
    train.y.push(mean);
    trainBytes.x.push(bytes / 1e6);
    trainBytes.y.push(mean);
  });
  const heldOut: Curve = {name: `${name}, validation`, x: [], y: []};
  const heldOutBytes: Curve = {name: `${name}, validation`, x: [], y: []};
  for (const record of records) {
    if (record.kind === 'evaluation' && record.split === 'validation') {
      if (heldOut.x.at(-1) === record.step) {
        // The last validation, on all of the text, replaces the one in between at the same step.
        heldOut.y[heldOut.y.length - 1] = record.loss;
        heldOutBytes.y[heldOutBytes.y.length - 1] = record.loss;
        continue;
      }
      heldOut.x.push(record.step);
      heldOut.y.push(record.loss);
      heldOutBytes.x.push((bytesAt.get(record.step) ?? bytes) / 1e6);
      heldOutBytes.y.push(record.loss);
    }
  }
  return {
    trainBySteps: thin(train),
    trainByBytes: thin(trainBytes),
    heldOutBySteps: heldOut,
    heldOutByBytes: heldOutBytes,
    energy: boundaryCurves(name, records, ({capturedEnergy: share}) =>
      share == null ? undefined : 100 * share,
    ),
    ranks: boundaryCurves(name, records, ({rank99}) => rank99),
    angles: boundaryCurves(name, records, ({angles}) => angles?.mean),
  };
}
