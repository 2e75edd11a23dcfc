import {parseConfig} from '../../../src/cli/config/load_config.js';
import type {RunConfigInput} from '../../../src/cli/config/schema.js';
import type {MetricsRecord} from '../../../src/cli/run/records.js';
import type {RunSummary} from '../../../src/cli/run/summary.js';

/** A run with plausible numbers, made by a formula, to draw tables and pages of. */
export function exampleRun(
  method: 'none' | 'mapl',
  steps: number,
): {summary: RunSummary; metrics: MetricsRecord[]} {
  const input: RunConfigInput = {compression: {method}, training: {steps}};
  const config = parseConfig(input);
  const forward = method === 'none' ? 256 : 66;
  const backward = method === 'none' ? 256 : 64;
  const tokens = 4096;
  const loss = (step: number) => 4 + 3.6 * Math.exp(-step / 120) + (method === 'none' ? 0 : 0.06);
  const boundaries = [0, 1, 2].map((boundary) => ({
    boundary,
    orthogonality: 3e-7,
    capturedEnergy: 0.7 + boundary / 20,
    startEnergy: 0.25,
    rank90: 40,
    rank99: 90,
    ...(boundary ? {angles: {mean: 53.1, largest: 72}} : {}),
    tokenCosines: 0.985,
  }));
  const metrics: MetricsRecord[] = [];
  for (let step = 1; step <= steps; step++) {
    metrics.push({
      kind: 'step',
      step,
      loss: loss(step),
      gradientNorm: 1,
      rate: 1,
      tokens,
      seconds: 0.5,
      forwardBytes: [forward * tokens, forward * tokens, forward * tokens],
      backwardBytes: [backward * tokens, backward * tokens, backward * tokens],
      overheadBytes: 1000,
      waiting: [0.5, 0.5, 0.5, 0.5],
    });
    if (step % 50 === 0) {
      metrics.push({kind: 'evaluation', step, split: 'validation', loss: loss(step) + 0.1, tokens});
      if (method === 'mapl') metrics.push({kind: 'diagnostics', step, boundaries});
    }
  }
  const leg = {forward, backward, total: forward + backward};
  const summary: RunSummary = {
    name: `demo-${method}`,
    status: 'finished',
    config,
    backend: {name: 'tensorflow', reason: 'fastest of 3 <measured>', threads: 1, processes: 4},
    dataHash: '0123456789abcdef',
    parameters: 1300000,
    stages: [],
    steps,
    tokens: steps * tokens,
    seconds: steps / 2,
    tokensPerSecond: 8192,
    loss: {train: loss(steps), validation: loss(steps) + 0.1, test: loss(steps) + 0.11},
    bytesPerToken: {
      boundaries: [leg, leg, leg],
      all: {forward: 3 * forward, backward: 3 * backward, total: 3 * (forward + backward)},
      overhead: 0.25,
    },
    boundaries: method === 'mapl' ? boundaries : [],
    checkpoint: `checkpoints/step-${steps}`,
    versions: {node: '20.0.0', 'tfjs-mapl': '0.1.0'},
  };
  return {summary, metrics};
}
