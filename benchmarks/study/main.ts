/** `npm run study`: methods × seeds, from nothing or from where it was stopped. */
import {availableParallelism} from 'node:os';
import path from 'node:path';
import {Command} from 'commander';
import {addConfigFlags, configFromOptions} from '../../src/cli/config/flags.js';
import {writeFileAtomic} from '../../src/data/cache_folder.js';
import type {RunSummary} from '../../src/cli/run/summary.js';
import {aggregate, METHODS, type Method} from './aggregate.js';
import {studyMarkdown} from './markdown.js';
import {doRuns, finishedRun, type StudyRun} from './run_queue.js';

const root = path.resolve(import.meta.dirname, '..', '..');

interface StudyOptions {
  config: string;
  methods: string[];
  seeds: string[];
  jobs: string;
  runs: string;
  out: string;
}

async function study(flags: string[], options: StudyOptions): Promise<void> {
  const jobs = Number(options.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs is ${options.jobs}; expected 1 or more.`);
  const unknown = options.methods.find((method) => !METHODS.includes(method as Method));
  if (unknown) throw new Error(`--methods: '${unknown}'; expected some of ${METHODS.join(', ')}.`);
  const seeds = options.seeds.map(Number);
  if (!seeds.every((seed) => Number.isInteger(seed) && seed >= 0)) {
    throw new Error(`--seeds: ${options.seeds.join(' ')}; expected whole numbers of 0 or more.`);
  }
  // Seed by seed: the first numbers to come out can already be compared.
  const runs: StudyRun[] = seeds.flatMap((seed) =>
    options.methods.map((method) => ({
      method: method as Method,
      seed,
      name: `${method}-seed${seed}`,
    })),
  );
  const threads = Math.max(1, Math.floor(availableParallelism() / jobs));
  const log = (line: string) => console.log(line);
  const folder = path.resolve(options.runs);
  const given = ['--config', path.resolve(options.config), ...flags];
  const parsed = addConfigFlags(new Command()).parse(given, {from: 'user'});
  const config = await configFromOptions(parsed.opts());
  await doRuns({runs, folder, config, flags: given, jobs, threads, log});
  const summaries = runs.map(({name}) => finishedRun(folder, name) as RunSummary);
  const results = aggregate(summaries);
  const markdown = studyMarkdown(results, summaries);
  const out = path.resolve(options.out);
  const {backend, dataHash, versions} = summaries[0];
  const json = {results, config, backend, dataHash, versions};
  await writeFileAtomic(path.join(out, 'study.json'), `${JSON.stringify(json, null, 2)}\n`);
  await writeFileAtomic(path.join(out, 'study.md'), markdown);
  log(`\n${markdown}\nWritten to ${path.join(out, 'study.md')} and study.json`);
}

const program = new Command('npm run study --')
  .description('train with several methods and seeds and compare; finished runs are not done again')
  .argument('[flags...]', 'flags for every run, after --, as for tfjs-mapl train')
  .option('--config <file>', 'settings of all runs', path.join(root, 'configs', 'study.yaml'))
  .option('--methods <names...>', `methods: ${METHODS.join(', ')}`, [...METHODS])
  .option('--seeds <numbers...>', 'seeds', ['0', '1', '2'])
  .option('--jobs <number>', 'runs at once', '1')
  .option('--runs <folder>', 'folder of the runs', path.join(root, 'runs', 'study'))
  .option('--out <folder>', 'where the results go', path.join(root, 'benchmarks', 'results'))
  .action(study);

program.parseAsync().catch((error: Error) => {
  console.error(`Error: ${error.message}`);
  process.exitCode = 1;
});
