import {spawn, type ChildProcess} from 'node:child_process';
import {createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {cliEntry} from '../../src/cli/launcher/cli_entry.js';
import {parseStored} from '../../src/cli/config/stored_config.js';
import type {RunSummary} from '../../src/cli/run/summary.js';
import {differingSetting} from './ledger.js';
import type {StudyRun} from './preset.js';

/** How to do the runs. */
export interface QueueArgs {
  runs: StudyRun[];
  /** Folder of the runs' folders. */
  folder: string;
  /** Runs at once. */
  jobs: number;
  /** CPU threads a run. */
  threads: number;
  /** Called after each run that finished. */
  onDone: (run: StudyRun) => Promise<void>;
  log: (line: string) => void;
}

/** Seconds between lines of progress. */
const TELL_SECONDS = 30;

/** Whether the run in the folder is finished. */
export function isFinished(folder: string, name: string): boolean {
  const file = path.join(folder, name, 'summary.json');
  if (!existsSync(file)) return false;
  return (JSON.parse(readFileSync(file, 'utf8')) as RunSummary).status === 'finished';
}

/** Steps a run has done. */
function stepsDone(folder: string, name: string): number {
  const file = path.join(folder, name, 'metrics.jsonl');
  if (!existsSync(file)) return 0;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"kind":"step"')).length;
}

/** Throws when a run in the folder was begun with other settings. */
function checkBegun({runs, folder}: QueueArgs): void {
  for (const {name, config} of runs) {
    const file = path.join(folder, name, 'config.json');
    if (!existsSync(file)) continue;
    const begun: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const difference = differingSetting(parseStored(begun, `'${file}'`), config);
    if (difference) {
      throw new Error(
        `The run '${name}' in '${folder}' was begun with ${difference.key} ${JSON.stringify(difference.one)}, ` +
          `now it is ${JSON.stringify(difference.other)}. Remove the folder or choose another with --runs.`,
      );
    }
  }
}

/**
 * Does all runs that are not finished yet, each in its own process, some side by side; those begun before go
 * on from their last checkpoint. Ctrl-C stops all with a checkpoint.
 *
 * @throws Error naming the runs that failed, after the others are done.
 */
export async function doRuns(args: QueueArgs): Promise<void> {
  const {runs, folder, jobs, threads, log} = args;
  checkBegun(args);
  const entry = await cliEntry();
  mkdirSync(folder, {recursive: true});
  const waiting = [...runs];
  const running = new Map<string, ChildProcess>();
  const failed: string[] = [];
  let finished = 0;
  // One after the other: all of them write the ledger.
  let recorded = Promise.resolve();
  const onDone = (run: StudyRun) => (recorded = recorded.then(() => args.onDone(run)));
  let stopping = false;
  const began = Date.now();
  const total = runs.reduce((sum, {config}) => sum + config.training.steps, 0);
  const steps = () => runs.reduce((sum, {name}) => sum + stepsDone(folder, name), 0);
  const before = steps();

  const tell = () => {
    const done = steps();
    const active = [...running.keys()].map((name) => `${name} ${stepsDone(folder, name)}`);
    const minutes =
      done > before ? ((Date.now() - began) * (total - done)) / (done - before) / 60000 : null;
    log(
      `${finished}/${runs.length} runs done; ${active.join(', ')} steps; ` +
        (minutes === null ? 'time left not known yet' : `about ${Math.ceil(minutes)} min left`),
    );
  };

  const start = (run: StudyRun) =>
    new Promise<void>((resolve, reject) => {
      const {name, config} = run;
      // A run that has its configuration is gone on with, which needs no settings.
      const begun = existsSync(path.join(folder, name, 'config.json'));
      const place = ['--runs', folder, '--name', name];
      const settings = path.join(folder, `${name}.json`);
      const own = {...config, output: {...config.output, runs: folder}};
      writeFileSync(settings, JSON.stringify(own, null, 2));
      const line = begun
        ? ['train', ...place, '--resume']
        : ['train', ...place, '--config', settings, '--threads', String(threads)];
      const output = createWriteStream(path.join(folder, `${name}.log`), {flags: 'a'});
      const child = spawn(process.execPath, [...entry.execArgv, entry.file, ...line], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.set(name, child);
      child.stdout.pipe(output, {end: false});
      child.stderr.pipe(output, {end: false});
      child.on('close', (code) => {
        output.end();
        running.delete(name);
        if (isFinished(folder, name)) {
          finished++;
          log(`${name} is done.`);
          onDone(run).then(resolve, reject);
          return;
        }
        if (!stopping) {
          failed.push(name);
          log(`${name} failed (exit code ${code}); see ${path.join(folder, `${name}.log`)}`);
        }
        resolve();
      });
    });

  const stop = () => {
    stopping = true;
    running.forEach((child) => child.kill('SIGINT'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const timer = setInterval(tell, TELL_SECONDS * 1000);
  const worker = async () => {
    for (let next = waiting.shift(); next && !stopping; next = waiting.shift()) {
      if (isFinished(folder, next.name)) {
        finished++;
        await onDone(next);
      } else await start(next);
    }
  };
  try {
    await Promise.all(Array.from({length: jobs}, worker));
  } finally {
    clearInterval(timer);
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  if (stopping) throw new Error('Stopped; the same command goes on where it was.');
  if (failed.length) throw new Error(`These runs failed: ${failed.join(', ')}.`);
}
