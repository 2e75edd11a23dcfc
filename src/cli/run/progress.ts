import {MultiBar, type SingleBar} from 'cli-progress';
import {formatNumber, formatSeconds} from '../report/format.js';
import type {StepRecord} from './records.js';

/** Shows how a run goes: bars on a terminal, plain lines elsewhere. */
export interface Progress {
  /** A training step is done. */
  step(record: StepRecord): void;
  /** Something worth a line: a validation, a checkpoint. */
  note(line: string): void;
  /** Restores the terminal. */
  stop(): void;
}

/** What a progress display needs to know. */
export interface ProgressArgs {
  /** What the run is called. */
  title: string;
  /** Steps of the whole run. */
  steps: number;
  /** Steps already done. */
  done: number;
  /** Steps between plain lines. */
  logEvery: number;
  /** Where to. */
  stream?: NodeJS.WriteStream;
}

/** Bytes a token at each boundary, `0→1 66.1  1→2 66.1`. */
function legs(bytes: number[], tokens: number): string {
  return bytes.map((count, p) => `${p}→${p + 1} ${formatNumber(count / tokens)}`).join('  ');
}

/** Tokens a second over the last steps. */
class Rate {
  private readonly recent: StepRecord[] = [];
  add(record: StepRecord): number {
    this.recent.push(record);
    if (this.recent.length > 20) this.recent.shift();
    const sum = (key: 'tokens' | 'seconds') =>
      this.recent.reduce((total, entry) => total + entry[key], 0);
    return sum('tokens') / sum('seconds');
  }
}

/** A bar for the steps, and one line for the bytes of each direction. */
class BarProgress implements Progress {
  private readonly bars: MultiBar;
  private readonly main: SingleBar;
  private readonly forward: SingleBar;
  private readonly backward: SingleBar;
  private readonly rate = new Rate();

  constructor(private readonly args: ProgressArgs) {
    this.bars = new MultiBar({
      stream: args.stream,
      hideCursor: true,
      forceRedraw: true,
      autopadding: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      format: '{name} {bar} {value}/{total}  loss {loss}  {speed} tokens/s  {left} left',
    });
    const empty = {name: args.title, loss: '–', speed: '–', left: '–', bytes: '–'};
    this.main = this.bars.create(args.steps, args.done, empty);
    const leg = (name: string) =>
      this.bars.create(1, 0, {...empty, name}, {format: '  {name} {bytes} bytes/token'});
    this.forward = leg('forward ');
    this.backward = leg('backward');
  }

  step(record: StepRecord): void {
    const speed = this.rate.add(record);
    const left = ((this.args.steps - record.step) * record.tokens) / speed;
    this.main.update(record.step, {
      loss: record.loss.toFixed(4),
      speed: formatNumber(speed),
      left: formatSeconds(left),
    });
    this.forward.update(1, {bytes: legs(record.forwardBytes, record.tokens)});
    this.backward.update(1, {bytes: legs(record.backwardBytes, record.tokens)});
  }

  note(line: string): void {
    this.bars.log(`${line}\n`);
  }

  stop(): void {
    // Notes wait for the next drawing.
    this.bars.update();
    this.bars.stop();
  }
}

/** A line every so many steps, for logs and pipes. */
class LineProgress implements Progress {
  private readonly rate = new Rate();

  constructor(private readonly args: ProgressArgs) {}

  step(record: StepRecord): void {
    const {title, steps, logEvery} = this.args;
    const speed = this.rate.add(record);
    if (record.step % logEvery && record.step !== steps && record.step !== 1) return;
    this.note(
      `${title}  step ${record.step}/${steps}  loss ${record.loss.toFixed(4)}  ` +
        `${formatNumber(speed)} tokens/s  bytes/token forward ${legs(record.forwardBytes, record.tokens)}` +
        `  backward ${legs(record.backwardBytes, record.tokens)}`,
    );
  }

  note(line: string): void {
    (this.args.stream ?? process.stdout).write(`${line}\n`);
  }

  stop(): void {}
}

/** Bars where the output is a terminal, lines otherwise. */
export function makeProgress(args: ProgressArgs): Progress {
  const stream = args.stream ?? process.stdout;
  return stream.isTTY ? new BarProgress({...args, stream}) : new LineProgress({...args, stream});
}
