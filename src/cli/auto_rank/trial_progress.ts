import {MultiBar, type SingleBar} from 'cli-progress';
import {formatLoss, formatSeconds} from '../report/format.js';

/** Shows how far the trials are: a line for each, and a bar below where the output is a terminal. */
export class TrialProgress {
  private readonly started = performance.now();
  private readonly bars: MultiBar | null = null;
  private readonly bar: SingleBar | null = null;
  private done = 0;
  private name = '';

  /**
   * @param steps Of all trials.
   * @param log Lines for people.
   */
  constructor(
    private readonly steps: number,
    private readonly log: (line: string) => void,
    stream: NodeJS.WriteStream = process.stdout,
  ) {
    if (!stream.isTTY) return;
    const format = '{bar} {value}/{total} steps  {left} left  {name}';
    this.bars = new MultiBar({stream, format, hideCursor: true, forceRedraw: true, barsize: 24});
    this.bar = this.bars.create(steps, 0, {left: '–', name: ''});
  }

  /** A trial begins. */
  begin(name: string): void {
    this.name = name;
  }

  /** A step begins, or as many as a trial that failed has left out. */
  step(count = 1): void {
    // Of the steps before: this one is not made yet.
    this.bar?.update(this.done, {left: this.left(), name: this.name});
    this.done += count;
  }

  /** A trial came to its end. */
  end(loss: number): void {
    const result = isNaN(loss) ? 'failed' : `validation loss ${formatLoss(loss)}`;
    this.note(`--auto-rank: ${this.name}: ${result}; ${this.left()} of trials left`);
  }

  /** Something worth a line. */
  note(line: string): void {
    if (this.bars) this.bars.log(`${line}\n`);
    else this.log(line);
  }

  /** Restores the terminal. */
  stop(): void {
    // Notes wait for the next drawing.
    this.bars?.update();
    this.bars?.stop();
  }

  private left(): string {
    if (!this.done) return '–';
    const spent = (performance.now() - this.started) / 1000;
    return formatSeconds((spent / this.done) * (this.steps - this.done));
  }
}
