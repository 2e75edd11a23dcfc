/** Programs that stay up and run one step for each line they read, so that runs of two sides can alternate. */
import {spawn, type ChildProcess} from 'node:child_process';
import {createInterface} from 'node:readline';
import type {Profile} from './contestants/profile_by_op.js';

/** How to start one. */
export interface ContestantCommand {
  name: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
}

/** What a contestant answers to a line. */
export interface StepResult {
  /** Wall time of the step, measured inside the program. */
  ms: number;
  loss: number;
}

/** A contestant that says nothing for so long has failed. Milliseconds. */
const LIMIT = 300_000;

/**
 * A running contestant. The program writes one JSON line when it is ready and one for each `step` line it reads; it ends
 * when its input does.
 */
export class Contestant {
  /** What it said when it was ready: versions and such. */
  about: Record<string, unknown> = {};
  private readonly lines: AsyncIterator<string>;
  private errors = '';

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    this.lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    child.stdin!.on('error', () => {});
  }

  /** Starts it and waits until it is ready. */
  static async start({name, command, args, env}: ContestantCommand): Promise<Contestant> {
    const child = spawn(command, args, {env: {...process.env, ...env}});
    const contestant = new Contestant(name, child);
    contestant.about = await contestant.read<Record<string, unknown>>();
    return contestant;
  }

  async step(): Promise<StepResult> {
    return this.ask<StepResult>('step');
  }

  /** Writes a line and gives the answer. */
  async ask<T>(line: string): Promise<T> {
    this.child.stdin!.write(`${line}\n`);
    return this.read<T>();
  }

  /** Milliseconds by op, where the program can tell. */
  async profile(): Promise<Profile | null> {
    return (await this.ask<{profile: Profile | null}>('profile')).profile;
  }

  stop(): void {
    this.child.stdin!.end();
    this.child.kill();
  }

  private async read<T>(): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.name} said nothing for 5 min.`)), LIMIT);
    });
    try {
      for (;;) {
        const line = await Promise.race([this.lines.next(), late]);
        if (line.done) throw new Error(`${this.name} ended: ${this.errors.trim()}`);
        if (line.value.startsWith('{')) return JSON.parse(line.value) as T;
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * Both sides' measured steps, `a b a b …`, after `warmUp` steps of each. With `sameLoss` (default) it fails if their first
 * losses differ.
 */
export async function alternate(
  a: Contestant,
  b: Contestant,
  {warmUp, rounds, sameLoss = true}: {warmUp: number; rounds: number; sameLoss?: boolean},
): Promise<{a: number[]; b: number[]; losses: [number, number]}> {
  const times: {a: number[]; b: number[]} = {a: [], b: []};
  let losses: [number, number] = [0, 0];
  for (let i = -warmUp; i < rounds; i++) {
    const left = await a.step();
    await pause();
    const right = await b.step();
    await pause();
    if (i === -warmUp) {
      losses = [left.loss, right.loss];
      if (sameLoss && !(Math.abs(left.loss - right.loss) < 1e-3)) {
        throw new Error(`The first losses differ, ${losses.join(' and ')}: not the same step.`);
      }
    }
    if (i < 0) continue;
    times.a.push(left.ms);
    times.b.push(right.ms);
  }
  return {...times, losses};
}

/** Threads that wait for work spin for a while; the other side should not pay for that. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
