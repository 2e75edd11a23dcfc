/**
 * Finds that nothing was heard of a peer for too long.
 *
 * Silence is counted in ticks of a timer and not by the clock: a process that computed for a minute
 * without a pause ticks once and then reads what had arrived, so that it does not give up a healthy
 * peer for its own absence.
 */
export class Liveness {
  private readonly timer: ReturnType<typeof setInterval>;
  private silentMs = 0;

  /** @param onTick is called once in `intervalMs`, to say that we are alive. */
  constructor(intervalMs: number, timeoutMs: number, onTick: () => void, onDead: () => void) {
    const period = Math.min(intervalMs, timeoutMs / 4);
    let sinceBeat = 0;
    this.timer = setInterval(() => {
      this.silentMs += period;
      sinceBeat += period;
      if (this.silentMs > timeoutMs) {
        this.stop();
        onDead();
      } else if (sinceBeat >= intervalMs) {
        sinceBeat = 0;
        onTick();
      }
    }, period);
    // The socket keeps a process running that waits for its peer; a timer alone must not.
    (this.timer as {unref?: () => void}).unref?.();
  }

  /** Something was heard. */
  heard(): void {
    this.silentMs = 0;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
