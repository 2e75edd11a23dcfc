import {fork, type ChildProcess} from 'node:child_process';
import {createWriteStream, type WriteStream} from 'node:fs';
import type {CliEntry} from './cli_entry.js';
import type {
  FromStage,
  OnProgress,
  StageCommand,
  StageHandle,
  StageReady,
  StageResult,
  StageSetup,
  ToStage,
} from './messages.js';
import {StageFailure} from './stage_failure.js';

/** Lines of a dead stage's error output to show. */
const TAIL_LINES = 15;
/** How long a stage may take to end in good order. */
const CLOSE_MS = 10_000;

/** How to start a stage process. */
export interface RemoteStageArgs {
  index: number;
  entry: CliEntry;
  /** Variables on top of this process' environment. */
  env: Record<string, string>;
  /** Everything the stage prints goes here. */
  logFile: string;
  /** Called once, when the stage fails or its process dies before it was closed. */
  onFailure: (failure: StageFailure) => void;
}

/** Somebody waiting for a message. */
interface Waiter<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/**
 * A stage in its own operating system process, reached over Node's IPC channel. The process ends when the
 * channel closes: it cannot outlive this one.
 */
export class RemoteStage implements StageHandle {
  readonly index: number;
  /** Set by `connect`. */
  ready!: StageReady;
  private readonly child: ChildProcess;
  private readonly log: WriteStream;
  private readonly tail: string[] = [];
  private readonly exited: Promise<void>;
  private waiting: {type: string; waiter: Waiter<FromStage>} | null = null;
  private failure: StageFailure | null = null;
  private closing = false;
  private nextId = 0;
  private onProgress?: OnProgress;
  private lastCommand = 'starting';

  constructor(private readonly args: RemoteStageArgs) {
    const {index, entry, env, logFile} = args;
    this.index = index;
    this.log = createWriteStream(logFile, {flags: 'a'});
    this.child = fork(entry.file, ['stage'], {
      execArgv: entry.execArgv,
      env: {...process.env, ...env},
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.keep(chunk));
    }
    this.child.on('message', (message) => this.receive(message as FromStage));
    this.child.on('error', (error) => this.fail(new StageFailure(index, this.say(error.message))));
    this.exited = new Promise((resolve) => {
      // 'close' comes after the pipes are read: the tail is complete then.
      this.child.on('close', (code, signal) => {
        this.log.end();
        if (!this.closing) {
          const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
          this.fail(new StageFailure(index, this.say(`${how} while ${this.lastCommand}`, true)));
        }
        resolve();
      });
    });
  }

  /** Process id, for messages and tests. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Hands the stage what it needs; gives the addresses at which it listens. */
  async setup(setup: StageSetup): Promise<string[]> {
    const answer = await this.ask({type: 'setup', setup}, 'listening');
    return (answer as Extract<FromStage, {type: 'listening'}>).addresses;
  }

  /** Lets the stage connect to its neighbour and build its part of the model. */
  async connect(next: string | null): Promise<void> {
    const answer = await this.ask({type: 'connect', next}, 'ready');
    this.ready = (answer as Extract<FromStage, {type: 'ready'}>).ready;
  }

  async run(command: StageCommand, onProgress?: OnProgress): Promise<StageResult> {
    const id = this.nextId++;
    this.onProgress = onProgress;
    this.lastCommand =
      command.do === 'train' ? `training step ${command.step}` : `it was to ${command.do}`;
    const answer = await this.ask({type: 'command', id, command}, 'done');
    const done = answer as Extract<FromStage, {type: 'done'}>;
    if (done.id !== id) throw new StageFailure(this.index, `answered ${done.id} instead of ${id}`);
    return done.result;
  }

  async close(): Promise<void> {
    this.closing = true;
    if (this.child.connected) this.child.send({type: 'close'} satisfies ToStage);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), CLOSE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    this.closing = true;
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private ask(message: ToStage, type: string): Promise<FromStage> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiting = {type, waiter: {resolve, reject}};
      this.child.send(message, (error) => {
        // A dead process is reported by its exit, with the reason; the closed channel says nothing.
        if (error && this.child.exitCode === null && this.child.signalCode === null) {
          this.fail(new StageFailure(this.index, this.say(error.message)));
        }
      });
    });
  }

  private receive(message: FromStage): void {
    if (message.type === 'failed') {
      this.fail(new StageFailure(this.index, this.say(message.message), message.lostPeer));
      return;
    }
    if (message.type === 'progress') {
      this.onProgress?.(message.share);
      return;
    }
    const {waiting} = this;
    if (waiting?.type !== message.type) return;
    this.waiting = null;
    waiting.waiter.resolve(message);
  }

  private fail(failure: StageFailure): void {
    if (this.failure) return;
    this.failure = failure;
    this.waiting?.waiter.reject(failure);
    this.waiting = null;
    this.args.onFailure(failure);
  }

  private say(what: string, withTail = false): string {
    const tail = withTail && this.tail.length ? `\nIts last words:\n${this.tail.join('\n')}` : '';
    return `Stage ${this.index} (process ${this.child.pid ?? 'not started'}): ${what}${tail}`;
  }

  private keep(chunk: Buffer): void {
    if (this.log.writable) this.log.write(chunk);
    this.tail.push(...chunk.toString('utf8').split('\n').filter(Boolean));
    this.tail.splice(0, this.tail.length - TAIL_LINES);
  }
}
