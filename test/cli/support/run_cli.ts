import {spawn, type ChildProcess} from 'node:child_process';
import {cliEntry} from '../../../src/cli/launcher/cli_entry.js';

/** A command line program while it runs. */
export interface RunningCli {
  child: ChildProcess;
  /** Everything it printed so far, both streams. */
  output: () => string;
  /** Resolves once the output matches; rejects when the program ends before. */
  waitFor: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Resolves when it has ended. */
  ended: Promise<{code: number | null; signal: NodeJS.Signals | null; output: string}>;
}

/** Starts the program as a user does, from source. */
export async function startCli(args: string[], cwd: string): Promise<RunningCli> {
  const {file, execArgv} = await cliEntry();
  const child = spawn(process.execPath, [...execArgv, file, ...args], {
    cwd,
    env: {...process.env, TFJS_MAPL_CACHE: `${cwd}/cache`, NODE_OPTIONS: ''},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let closed = false;
  const watchers = new Set<() => void>();
  const notify = () => watchers.forEach((watch) => watch());
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      notify();
    });
  }
  const ended = new Promise<Awaited<RunningCli['ended']>>((resolve) => {
    child.on('close', (code, signal) => {
      closed = true;
      notify();
      resolve({code, signal, output});
    });
  });
  const waitFor = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const watch = () => {
        const match = pattern.exec(output);
        if (!match && !closed) return;
        watchers.delete(watch);
        if (match) resolve(match);
        else reject(new Error(`The program ended without printing ${String(pattern)}:\n${output}`));
      };
      watchers.add(watch);
      watch();
    });
  return {child, output: () => output, waitFor, ended};
}

/** Runs the program to its end. */
export async function runCli(args: string[], cwd: string): ReturnType<() => RunningCli['ended']> {
  return (await startCli(args, cwd)).ended;
}

/** Whether a process is still there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until all processes are gone; false after ten seconds. */
export async function allGone(pids: number[]): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    if (!pids.some(isAlive)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
