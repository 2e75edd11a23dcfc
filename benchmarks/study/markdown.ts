import {parseStored} from '../../src/cli/config/stored_config.js';
import {tableRates} from '../../src/cli/training/recipe.js';
import type {CellResult, Spread} from './aggregate.js';
import type {RecordedRun} from './ledger.js';
import type {Preset} from './preset.js';
import type {Score} from './score.js';

const loss = ({mean, std, values}: Spread) =>
  values.length > 1 ? `${mean.toFixed(4)} ± ${std.toFixed(4)}` : mean.toFixed(4);
const percent = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)} %`;
const delta = (spread: Spread | null) =>
  spread == null
    ? ''
    : spread.values.length > 1
      ? `${percent(spread.mean)} (${percent(spread.min)} to ${percent(spread.max)})`
      : percent(spread.mean);

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What the page is made of. */
export interface StudyReport {
  preset: Preset;
  results: CellResult[];
  /** Finished runs. */
  runs: RecordedRun[];
  /** Runs of the study, finished or not. */
  planned: number;
  scores: Score[];
  /** Loss that scores are taken at. */
  target: number | null;
  /** Files of the plots, relative to the page. */
  plots: string[];
}

/** The study's page in Markdown: tables like the paper's, bytes, scores, and what the runs have in common. */
export function studyMarkdown(report: StudyReport): string {
  const {preset, results, runs, planned, plots} = report;
  const unfinished = planned - runs.length;
  return [
    `# ${preset.title}`,
    `Mean ± standard deviation over seeds; in brackets the range. Losses are nats a token. Δ is taken seed by seed against the
uncompressed run of the same seed: same data in the same order, same initial weights but for what a row's settings change. **Test** is the reported split:
text that no setting was chosen by; **validation** is what settings may be chosen by. Both are whole documents that
no run trains on.`,
    unfinished > 0
      ? `**Not complete:** ${runs.length} of ${planned} runs are finished; \`npm run study -- --preset ${preset.name}\` goes on.`
      : '',
    ...preset.tables.map((one) => lossTable(report, one)),
    bytesTable(report),
    scoreTable(report),
    ...plots.map((plot) => `![${plot.replace(/[-.]/g, ' ')}](${plot})`),
    common(runs, results),
    `Made by \`npm run study -- --preset ${preset.name}\`.\n`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** A row a method, a column a number of stages, as in the paper's Table 1. */
function lossTable({preset, results}: StudyReport, one: Preset['tables'][number]): string {
  const cell = (row: string, stages: number) =>
    results.find(
      (result) => result.row === row && (result.stages === stages || row === preset.baseline),
    );
  const rows = [...new Set([preset.baseline, ...one.rows])];
  const head = [
    '',
    'seeds',
    ...one.stages.flatMap((p) => [`test, P = ${p}`, 'Δ test', 'Δ validation']),
  ];
  const lines = rows.map((row) => {
    const cells = one.stages.map((p) => cell(row, p));
    const seeds = new Set(cells.flatMap((result) => result?.seeds ?? []));
    return [
      preset.rows[row].label,
      [...seeds].join(', ') || 'not run',
      ...cells.flatMap((result) =>
        result == null
          ? ['', '', '']
          : [loss(result.test), delta(result.deltaPercent), delta(result.validationDeltaPercent)],
      ),
    ];
  });
  return `## ${one.title}\n\n${table(head, lines)}`;
}

function bytesTable({preset, results}: StudyReport): string {
  const base = results.find(({row}) => row === preset.baseline)?.bytesPerToken;
  const ratio = (cell: CellResult, leg: 'forward' | 'backward' | 'total') =>
    base == null ? '' : ` (÷${(base[leg] / cell.bytesPerToken[leg]).toFixed(2)})`;
  const lines = results.map((cell) => [
    preset.rows[cell.row].label,
    String(cell.stages),
    ...(['forward', 'backward', 'total'] as const).map(
      (leg) => cell.bytesPerToken[leg].toFixed(1) + ratio(cell, leg),
    ),
    cell.parameters.toLocaleString('en-US'),
    cell.capturedEnergy.map((share) => `${(100 * share).toFixed(0)} %`).join(', '),
    cell.orthogonality?.toExponential(1) ?? '',
  ]);
  const head = [
    '',
    'P',
    'bytes/token forward',
    'backward',
    'both',
    'parameters',
    'captured energy',
    '‖AᵀA−I‖₂ at most',
  ];
  return `## Bytes

Bytes a token and boundary, as they were sent: ids, new projectors, halves of their gradients and codebook slices included.
Captured energy, by boundary, is ‖RA‖²/‖R‖² on validation text.

${table(head, lines)}`;
}

function scoreTable({preset, scores, target}: StudyReport): string {
  if (target == null || scores.length === 0) return '';
  const lines = scores.map(({row, stages, link, steps, secondsPerStep, computeSeconds, hours}) => [
    preset.rows[row].label,
    String(stages),
    link,
    steps == null ? 'not reached' : steps.toFixed(0),
    computeSeconds.toFixed(2),
    secondsPerStep.toFixed(2),
    hours == null ? '' : hours < 1 ? `${(60 * hours).toFixed(1)} min` : `${hours.toFixed(1)} h`,
  ]);
  const links = preset.links.map(
    ({name, mbps, delayMs}) => `${name}: ${mbps} Mbit/s each way, ${delayMs} ms`,
  );
  const head = [
    '',
    'P',
    'link',
    'steps to target',
    's/step without links',
    's/step',
    'time to target',
  ];
  return `## Time to a loss over a link

Steps to a validation loss of ${target.toFixed(3)} (between validations on a straight line) × seconds a step. Seconds are those
of the schedule run on a clock, with compute as measured in a short run of its own (all stages on one machine, divided by stages and
microbatches, a third of it forward) and the bytes as counted. ${links.join('; ')}.

${table(head, lines)}`;
}

function common(runs: RecordedRun[], results: CellResult[]): string {
  if (runs.length === 0) return '';
  const [{summary}] = runs;
  const {model, compression, training, pipeline, data} = summary.config;
  const size = {d: model.hiddenSize, r: compression.rank, layers: model.layers, heads: model.heads};
  const all = <T>(pick: (run: RecordedRun) => T) => [...new Set(runs.map(pick))].join(', ');
  const rates = (table: 'embedding' | 'anchors') =>
    all(({name, summary: one}) => tableRates(parseStored(one.config, `run '${name}'`))[table]);
  return `## Set-up

Model: ${Object.entries({
    ...size,
    'feed-forward': model.intermediateSize,
    context: training.context,
  })
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')}; wire ${pipeline.wire}, ${pipeline.microbatches} microbatches.
Recipe: ${training.steps} steps of ${training.batchSize} × ${training.context} tokens (${summary.tokens.toLocaleString('en-US')} in all), Muon ${training.muonLearningRate}, AdamW ${training.adamwLearningRate} (token embedding ${rates('embedding')}; anchors ${rates('anchors')}), projectors
${training.projectorLearningRate}, ${100 * training.warmup} % warm-up, linear to zero over the last ${100 * training.decay} %, clipped at a norm of ${training.clipNorm} (0: not). The same for all methods, but for
what the rows of the preset set;
${results.length} rows by stages, ${runs.length} runs.
Text: ${data.text.length ? data.text.join(', ') : 'Brown corpus and Moby Dick'}, data ${all(({summary: one}) => one.dataHash.slice(0, 12))}.
Backend: ${all(({summary: one}) => `${one.backend.name} (${one.versions.backend}), ${one.backend.threads} thread(s)`)}; Node ${all(({summary: one}) => one.versions.node)}; sources ${all(({commit}) => commit.slice(0, 9))}.`;
}
