/** `npm run study`: methods × stages × seeds, from nothing or from where it was stopped. */
import {execFileSync} from 'node:child_process';
import {availableParallelism} from 'node:os';
import path from 'node:path';
import {Command} from 'commander';
import {addConfigFlags, givenSettings} from '../../src/cli/config/flags.js';
import {writeFileAtomic} from '../../src/data/cache_folder.js';
import {aggregate} from './aggregate.js';
import {
  readLedger,
  record,
  recorded,
  writeLedger,
  type Ledger,
  type RecordedRun,
} from './ledger.js';
import {studyMarkdown} from './markdown.js';
import {studyPage} from './page.js';
import {curvePlot, paretoPlot} from './plots.js';
import {presetNames, readPreset, studyRuns, type Preset, type StudyRun} from './preset.js';
import {doRuns} from './run_queue.js';
import {scores} from './score.js';
import {timeRun} from './timing.js';

const root = path.resolve(import.meta.dirname, '..', '..');

interface StudyOptions {
  preset: string;
  rows?: string[];
  seeds?: string[];
  stages?: string[];
  jobs: string;
  runs?: string;
  out: string;
  target?: string;
  again?: boolean;
  timeAgain?: boolean;
  timings: boolean;
  reportOnly?: boolean;
}

const numbers = (flag: string, given: string[] | undefined) =>
  given?.map((word) => {
    const value = Number(word);
    if (!Number.isInteger(value) || value < 0)
      throw new Error(`${flag} ${given.join(' ')}: expected whole numbers of 0 or more.`);
    return value;
  });

async function study(flags: string[], options: StudyOptions): Promise<void> {
  const jobs = Number(options.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs is ${options.jobs}; expected 1 or more.`);
  const target = options.target == null ? null : Number(options.target);
  if (target != null && !(target > 0))
    throw new Error(`--target is ${options.target}; expected a loss.`);
  const preset = await readPreset(options.preset);
  const parsed = addConfigFlags(new Command()).parse(flags, {from: 'user'});
  const planned = await studyRuns(preset, {
    rows: options.rows,
    seeds: numbers('--seeds', options.seeds),
    stages: numbers('--stages', options.stages),
    settings: await givenSettings(parsed.opts()),
  });
  const log = (line: string) => console.log(line);
  const folder = path.resolve(options.runs ?? path.join(root, 'runs', `study-${preset.name}`));
  const file = path.join(path.resolve(options.out), `study-${preset.name}.json`);
  const ledger = readLedger(file, preset.name);
  const known = options.again ? [] : planned.filter((run) => recorded(ledger, run));
  if (known.length) log(`${known.length} of ${planned.length} runs were finished before.`);
  const runs = planned.filter((run) => !known.includes(run));
  const threads = Math.max(1, Math.floor(availableParallelism() / jobs));
  const commit = commitOf(root);
  const onDone = (run: StudyRun) => record(file, ledger, run, folder, commit);
  const report = () => writeReport(preset, planned, ledger, file, target, log);
  try {
    if (!options.reportOnly) {
      await doRuns({runs, folder, jobs, threads, onDone, log});
      if (options.timings) await timeRuns(planned, ledger, file, options.timeAgain ?? false, log);
    }
  } finally {
    // What is finished is worth a page, whatever happened to the rest.
    await report();
  }
}

/** Times a step of every row and number of stages that was not timed before, one after the other. */
async function timeRuns(
  planned: StudyRun[],
  ledger: Ledger,
  file: string,
  again: boolean,
  log: (line: string) => void,
): Promise<void> {
  for (const run of planned.filter(({seed}) => seed === planned[0].seed)) {
    const same = ({row, stages}: {row: string; stages: number}) =>
      row === run.row && stages === run.stages;
    if (!again && ledger.timings.some(same)) continue;
    const timing = await timeRun(run, availableParallelism());
    log(`${run.row}, P = ${run.stages}: ${timing.secondsPerStep.toFixed(3)} s a step.`);
    ledger.timings = [...ledger.timings.filter((other) => !same(other)), timing];
    await writeLedger(file, ledger);
  }
}

/** Tables, plots and a page of the runs that are finished. */
async function writeReport(
  preset: Preset,
  planned: StudyRun[],
  ledger: Ledger,
  file: string,
  given: number | null,
  log: (line: string) => void,
): Promise<void> {
  const names = new Set(planned.map(({name}) => name));
  const runs = ledger.runs.filter(({name}) => names.has(name));
  if (runs.length === 0) return;
  const order = Object.keys(preset.rows);
  const results = aggregate(runs, preset.baseline).sort(
    (a, b) => order.indexOf(a.row) - order.indexOf(b.row) || a.stages - b.stages,
  );
  // By default within reach of every method that is worth using: 2 % above the baseline's end.
  const base = results.find(({row}) => row === preset.baseline);
  const target = given ?? (base == null ? null : base.validation.mean * 1.02);
  const files = new Map<string, string>();
  const stages = [...new Set(results.map((cell) => cell.stages))].sort((a, b) => a - b);
  for (const p of stages) {
    for (const leg of ['forward', 'backward', 'total'] as const) {
      files.set(`study-${preset.name}-p${p}-${leg}.svg`, await paretoPlot(results, preset, p, leg));
    }
  }
  const curves = runs.flatMap(({row, stages: p, curve}) =>
    curve.map((point) => ({label: `${preset.rows[row].label}, P = ${p}`, ...point})),
  );
  files.set(`study-${preset.name}-curves.svg`, await curvePlot(curves, preset.title));
  const rank = (run: RecordedRun) => order.indexOf(run.row) * 1000 + run.stages;
  const sorted = [...runs].sort((a, b) => rank(a) - rank(b));
  const markdown = studyMarkdown({
    preset,
    results,
    runs: sorted,
    planned: planned.length,
    scores: target == null ? [] : scores(sorted, ledger.timings, preset.links, target),
    target,
    plots: [...files.keys()],
  });
  const out = path.dirname(file);
  for (const [name, svg] of files) await writeFileAtomic(path.join(out, name), svg);
  const stem = file.replace(/\.json$/, '');
  await writeFileAtomic(`${stem}.md`, markdown);
  const text = markdown.replace(/^!\[.*\n*/gm, '');
  await writeFileAtomic(`${stem}.html`, studyPage(preset.title, text, [...files.values()]));
  log(`\n${markdown}\nWritten to ${stem}.md, .html and .json`);
}

/** The commit of the sources, or 'unknown' outside of git. */
function commitOf(folder: string): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {cwd: folder, encoding: 'utf8'}).trim();
  } catch {
    return 'unknown';
  }
}

const program = new Command('npm run study --')
  .description(
    'train with several methods, stages and seeds and compare; finished runs are not done again',
  )
  .argument('[flags...]', 'flags for every run, after --, as for tfjs-mapl train')
  .option('--preset <name>', `${presetNames().join(', ')}, or a YAML file of one's own`, 'small')
  .option('--rows <names...>', 'some rows of the preset; the baseline is always among them')
  .option('--seeds <numbers...>', "seeds in place of the preset's")
  .option('--stages <numbers...>', "some of the preset's numbers of stages")
  .option('--jobs <number>', 'runs at once', '1')
  .option('--runs <folder>', 'folder of the runs (default: runs/study-<preset>)')
  .option('--out <folder>', 'where the results go', path.join(root, 'benchmarks', 'results'))
  .option('--target <loss>', "validation loss to be timed at (default: 2 % above the baseline's)")
  .option('--again', 'do all runs anew, recorded or not')
  .option('--no-timings', 'leave steps untimed: for a machine that does other work')
  .option('--time-again', 'time the steps of all rows anew: nothing else should run beside it')
  .option('--report-only', 'no runs: the report of those that are finished')
  .action(study);

program.parseAsync().catch((error: Error) => {
  console.error(`Error: ${error.message}`);
  process.exitCode = 1;
});
