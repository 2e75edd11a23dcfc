/** The curves of a run, bounded in size however long it trains. */

export interface Point {
  step: number;
  /** Of this step, or the mean where points were merged. */
  loss: number;
  /** Running mean over some ten steps. */
  smooth: number;
  tokensPerSecond: number;
}

/** A screen has fewer columns than this. */
const MOST = 2048;

export class History {
  private mean = 0;
  private seen = 0;

  constructor(readonly points: Point[] = []) {
    this.mean = points.at(-1)?.smooth ?? 0;
    this.seen = points.at(-1)?.step ?? 0;
  }

  add(step: number, loss: number, tokensPerSecond: number): Point {
    // Unbiased at the start.
    this.mean += Math.max(1 / (this.seen + 1), 0.2) * (loss - this.mean);
    this.seen++;
    const point = {step, loss, smooth: this.mean, tokensPerSecond};
    this.points.push(point);
    if (this.points.length > MOST) this.halve();
    return point;
  }

  /** Merges the older points in pairs, keeping the latest as they are. */
  private halve(): void {
    const old = this.points.splice(0, MOST / 2);
    const merged: Point[] = [];
    for (let i = 0; i + 1 < old.length; i += 2) {
      const [a, b] = [old[i], old[i + 1]];
      merged.push({
        ...b,
        loss: (a.loss + b.loss) / 2,
        tokensPerSecond: (a.tokensPerSecond + b.tokensPerSecond) / 2,
      });
    }
    this.points.unshift(...merged);
  }
}
