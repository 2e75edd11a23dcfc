/** Signals closer together than this are one: a parent may pass on what the terminal sends to all. */
const SAME_MS = 500;

/** Turns Ctrl-C into a request: finish the step, write a checkpoint, end. */
export class StopSignal {
  private count = 0;
  private last = 0;
  private readonly handler = () => this.signal();

  /**
   * @param onFirst Called at the first signal, to say what will happen.
   * @param onSecond Called at the second: end at once.
   */
  constructor(
    private readonly onFirst: () => void,
    private readonly onSecond: () => void,
  ) {
    process.on('SIGINT', this.handler);
    process.on('SIGTERM', this.handler);
  }

  /** Whether a stop was asked for. */
  get requested(): boolean {
    return this.count > 0;
  }

  /** Gives the signals their usual meaning back. */
  dispose(): void {
    process.off('SIGINT', this.handler);
    process.off('SIGTERM', this.handler);
  }

  private signal(): void {
    const now = Date.now();
    if (this.count && now - this.last < SAME_MS) return;
    this.last = now;
    this.count++;
    if (this.count === 1) this.onFirst();
    else this.onSecond();
  }
}
