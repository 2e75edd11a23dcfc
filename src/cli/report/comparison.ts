import {getMethod, methodPlan} from '../../codecs/methods/index.js';
import type {RunSummary} from '../run/summary.js';
import {formatDelta, formatLoss, formatNumber} from './format.js';

/** A table as rows of text, for the terminal and for HTML. */
export interface TextTable {
  head: string[];
  rows: string[][];
}

/** What a run is called in tables. */
export function methodName(run: RunSummary): string {
  const {model, compression} = run.config;
  const {title} = getMethod(compression.method);
  const {model: boundaries} = methodPlan(compression, {stages: 1, hiddenSize: model.hiddenSize});
  if (boundaries == null) return title;
  const ratio = model.hiddenSize / compression.rank;
  return `${title} ${Number.isInteger(ratio) ? ratio : ratio.toFixed(1)}×`;
}

/**
 * The table a demo ends with: one row a run, differences against the first.
 *
 * @param runs Summaries, the baseline first.
 */
export function comparisonTable(runs: RunSummary[]): TextTable {
  const [base] = runs;
  const all = (run: RunSummary) => run.bytesPerToken.all;
  const bytes = (run: RunSummary, leg: 'forward' | 'backward' | 'total') => {
    const value = formatNumber(all(run)[leg]);
    if (run === base || !all(run)[leg]) return value;
    return `${value} (÷${(all(base)[leg] / all(run)[leg]).toFixed(2)})`;
  };
  return {
    head: [
      'Run',
      'Validation loss',
      'Δ',
      'Test loss',
      'Δ',
      'Bytes/token forward',
      'backward',
      'total',
      'Tokens/s',
    ],
    rows: runs.map((run) => [
      methodName(run),
      formatLoss(run.loss.validation),
      run === base ? '' : formatDelta(run.loss.validation, base.loss.validation),
      formatLoss(run.loss.test),
      run === base ? '' : formatDelta(run.loss.test, base.loss.test),
      bytes(run, 'forward'),
      bytes(run, 'backward'),
      bytes(run, 'total'),
      formatNumber(run.tokensPerSecond),
    ]),
  };
}
