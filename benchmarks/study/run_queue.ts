import {spawn, type ChildProcess} from 'node:child_process';
import {createWriteStream, existsSync, mkdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {cliEntry} from '../../src/cli/launcher/cli_entry.js';
import {listSettings} from '../../src/cli/config/load_config.js';
import type {RunConfig} from '../../src/cli/config/schema.js';
import type {RunSummary} from '../../src/cli/run/summary.js';
import type {Method} from './aggregate.js';

/** One run of the study. */
export interface StudyRun {
  method: Method;
  seed: number;
  /** Name of its folder. */
  name: string;
}

/** How to do the runs. */
export interface QueueArgs {
  runs: StudyRun[];
  /** Folder of the runs' folders. */
  folder: string;
  /** What `flags` come to; runs in the folder must have been begun with the same. */
  config: RunConfig;
  /** Flags for `train`, the same for all runs. */
  flags: string[];
  /** Runs at once. */
  jobs: number;
  /** CPU threads a run. */
  threads: number;
  log: (line: string) => void;
}

/** Seconds between lines of progress. */
const TELL_SECONDS = 30;

/** The summary of a finished run, or null. */
export function finishedRun(folder: string, name: string): RunSummary | null {
  const file = path.join(folder, name, 'summary.json');
  if (!existsSync(file)) return null;
  const summary = JSON.parse(readFileSync(file, 'utf8')) as RunSummary;
  return summary.status === 'finished' ? summary : null;
}

/** Steps a run has done. */
function stepsDone(folder: string, name: string): number {
  const file = path.join(folder, name, 'metrics.jsonl');
  if (!existsSync(file)) return 0;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"kind":"step"')).length;
}

/** Steps of a whole run, once its folder says. */
function stepsOf(folder: string, name: string): number | null {
  const file = path.join(folder, name, 'config.json');
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, 'utf8')) as RunSummary['config']).training.steps;
}

/** Settings that differ between runs of one study, or do not matter. */
const MAY_DIFFER = /^(compression\.method|training\.seed|backend\.threads|output\.|network\.)/;

/** Throws when a run in the folder was begun with other settings. */
function checkBegun({runs, folder, config}: QueueArgs): void {
  for (const {name} of runs) {
    const file = path.join(folder, name, 'config.json');
    if (!existsSync(file)) continue;
    const begun = new Map(listSettings(JSON.parse(readFileSync(file, 'utf8')) as RunConfig));
    for (const [key, value] of listSettings(config)) {
      if (!MAY_DIFFER.test(key) && JSON.stringify(begun.get(key)) !== JSON.stringify(value)) {
        throw new Error(
          `The run '${name}' in '${folder}' was begun with ${key} ${JSON.stringify(begun.get(key))}, ` +
            `now it is ${JSON.stringify(value)}. Remove the folder or choose another with --runs.`,
        );
      }
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
  const {runs, folder, flags, jobs, threads, log} = args;
  checkBegun(args);
  const entry = await cliEntry();
  mkdirSync(folder, {recursive: true});
  const waiting = runs.filter(({name}) => !finishedRun(folder, name));
  const skipped = runs.length - waiting.length;
  if (skipped) log(`${skipped} of ${runs.length} runs were finished before.`);
  const running = new Map<string, ChildProcess>();
  const failed: string[] = [];
  let stopping = false;
  const began = Date.now();
  const doneBefore = runs.reduce((sum, {name}) => sum + stepsDone(folder, name), 0);

  const tell = () => {
    const done = runs.map(({name}) => stepsDone(folder, name));
    const each = runs.map(({name}) => stepsOf(folder, name)).find((steps) => steps !== null);
    const active = [...running.keys()].map((name) => `${name} ${stepsDone(folder, name)}`);
    const gained = done.reduce((sum, steps) => sum + steps, 0) - doneBefore;
    const left = each ? each * runs.length - gained - doneBefore : 0;
    const minutes = gained ? (((Date.now() - began) / gained) * left) / 60000 : null;
    const finished = runs.filter(({name}) => finishedRun(folder, name)).length;
    log(
      `${finished}/${runs.length} runs done; ${active.join(', ')} of ${each ?? '?'} steps; ` +
        (minutes === null ? 'time left not known yet' : `about ${Math.ceil(minutes)} min left`),
    );
  };

  const start = ({name, method, seed}: StudyRun) =>
    new Promise<void>((resolve) => {
      // A run that has its configuration is gone on with, which needs no settings.
      const begun = existsSync(path.join(folder, name, 'config.json'));
      const place = ['--runs', folder, '--name', name];
      const settings = [
        ...flags,
        '--method',
        method,
        '--seed',
        String(seed),
        '--threads',
        String(threads),
      ];
      const line = begun ? ['train', ...place, '--resume'] : ['train', ...place, ...settings];
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
        if (!finishedRun(folder, name) && !stopping) {
          failed.push(name);
          log(`${name} failed (exit code ${code}); see ${path.join(folder, `${name}.log`)}`);
        } else if (!stopping) log(`${name} is done.`);
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
    for (let next = waiting.shift(); next && !stopping; next = waiting.shift()) await start(next);
  };
  await Promise.all(Array.from({length: jobs}, worker));
  clearInterval(timer);
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  if (stopping) throw new Error('Stopped; the same command goes on where it was.');
  if (failed.length) throw new Error(`These runs failed: ${failed.join(', ')}.`);
}
