import type {MetricsRecord, StepRecord} from '../run/records.js';

/** Points of one run for one chart, x ascending. */
export interface Curve {
  name: string;
  x: number[];
  y: number[];
}

/** Curves of one run: training loss smoothed, held-out loss, energy of each boundary. */
export interface RunCurves {
  trainBySteps: Curve;
  trainByBytes: Curve;
  heldOutBySteps: Curve;
  heldOutByBytes: Curve;
  energy: Curve[];
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
  const energy = new Map<number, Curve>();
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
    } else if (record.kind === 'diagnostics') {
      for (const {boundary, capturedEnergy} of record.boundaries) {
        const curve = energy.get(boundary) ?? {
          name: `${name}, boundary ${boundary} → ${boundary + 1}`,
          x: [],
          y: [],
        };
        curve.x.push(record.step);
        curve.y.push(100 * capturedEnergy);
        energy.set(boundary, curve);
      }
    }
  }
  return {
    trainBySteps: thin(train),
    trainByBytes: thin(trainBytes),
    heldOutBySteps: heldOut,
    heldOutByBytes: heldOutBytes,
    energy: [...energy.values()],
  };
}
