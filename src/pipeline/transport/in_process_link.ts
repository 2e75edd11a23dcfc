import {CLOSE_TIMEOUT_MS, HIGH_WATER_BYTES} from './link.js';
import type {Link, LinkEvents} from './link.js';

/** How a line behaves. */
export interface LineSettings {
  /** Time from one end to the other, in milliseconds. Default 0. */
  readonly delayMs?: number;
  /** Default: no limit. */
  readonly bytesPerSecond?: number;
}

/** What a slow line carries at once, so that large frames arrive bit by bit. */
const PIECE_BYTES = 64 * 1024;

/** One direction: what is put in comes out later, in order. `null` is the end. */
class Line {
  private readonly queue: {bytes: Uint8Array | null; at: number}[] = [];
  private freeAt = 0;
  private scheduled = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Bytes that have not come out. */
  waiting = 0;
  held = false;

  constructor(
    private readonly settings: LineSettings,
    private readonly deliver: (bytes: Uint8Array | null) => void,
  ) {}

  put(bytes: Uint8Array | null): void {
    const {delayMs = 0, bytesPerSecond} = this.settings;
    if (bytes == null || bytesPerSecond == null) {
      this.queue.push({bytes, at: Math.max(performance.now(), this.freeAt) + delayMs});
      this.waiting += bytes?.byteLength ?? 0;
    } else {
      for (let from = 0; from < bytes.byteLength; from += PIECE_BYTES) {
        const piece = bytes.subarray(from, from + PIECE_BYTES);
        this.freeAt =
          Math.max(performance.now(), this.freeAt) + (1000 * piece.byteLength) / bytesPerSecond;
        this.queue.push({bytes: piece, at: this.freeAt + delayMs});
        this.waiting += piece.byteLength;
      }
    }
    this.schedule();
  }

  hold(held: boolean): void {
    this.held = held;
    this.schedule();
  }

  drop(): void {
    clearTimeout(this.timer);
    this.queue.length = 0;
    this.waiting = 0;
  }

  private schedule(): void {
    if (this.scheduled || this.held || this.queue.length === 0) {
      return;
    }
    this.scheduled = true;
    const wait = this.queue[0].at - performance.now();
    const next = () => {
      this.scheduled = false;
      const first = this.held ? undefined : this.queue.shift();
      if (first != null) {
        this.waiting -= first.bytes?.byteLength ?? 0;
        this.deliver(first.bytes);
      }
      this.schedule();
    };
    if (wait > 0) {
      this.timer = setTimeout(next, wait);
    } else {
      queueMicrotask(next);
    }
  }
}

/** One end of a line within the process. */
export class InProcessLink implements Link {
  private events: LinkEvents | null = null;
  private other!: InProcessLink;
  private out!: Line;
  private ended = false;
  /** Ended, or closed by both ends. */
  over = false;
  private closing = false;
  private otherClosed = false;
  /** The line was lost before anybody listened. */
  private unheard: {error?: Error} | null = null;
  private settleClosed!: () => void;
  private readonly bothClosed = new Promise<void>((resolve) => (this.settleClosed = resolve));

  private constructor(readonly remoteId: string) {}

  /** Both ends: the first is at `a` and leads to `b`, the second is at `b`. */
  static pair(a: string, b: string, settings: LineSettings): [InProcessLink, InProcessLink] {
    const atA = new InProcessLink(b);
    const atB = new InProcessLink(a);
    for (const [here, there] of [
      [atA, atB],
      [atB, atA],
    ]) {
      here.other = there;
      here.out = new Line(settings, (bytes) => {
        there.arrive(bytes);
        here.events?.onWritable();
      });
    }
    return [atA, atB];
  }

  get writable(): boolean {
    return this.out.waiting < HIGH_WATER_BYTES;
  }

  start(events: LinkEvents): void {
    this.events = events;
    if (this.unheard != null) {
      const {error} = this.unheard;
      queueMicrotask(() => events.onEnd(error));
    }
  }

  write(bytes: Uint8Array): void {
    if (!this.ended && !this.closing) {
      this.out.put(bytes);
    }
  }

  async close(): Promise<void> {
    if (this.ended) {
      return;
    }
    if (!this.closing) {
      this.closing = true;
      this.out.put(null);
      this.endIfBothClosed();
    }
    const timer = setTimeout(
      () => this.abort(new Error('the peer did not close')),
      CLOSE_TIMEOUT_MS,
    );
    await this.bothClosed;
    clearTimeout(timer);
  }

  abort(reason: Error): void {
    if (!this.ended) {
      this.end();
      // Over a dead line the other end does not hear of it.
      if (!this.out.held) {
        this.other.lose(reason);
      }
    }
  }

  /** Ends at once and without a goodbye, as a death of the peer would. */
  lose(error?: Error): void {
    if (!this.ended) {
      const silent = this.closing;
      this.end();
      if (this.events == null) {
        this.unheard = {error};
      } else if (!silent) {
        this.events.onEnd(error);
      }
    }
  }

  /** Stops what this end sends from arriving, or lets it. */
  hold(held: boolean): void {
    this.out.hold(held);
  }

  private arrive(bytes: Uint8Array | null): void {
    if (this.ended) {
      return;
    }
    if (bytes != null) {
      this.events?.onBytes(bytes);
    } else {
      this.otherClosed = true;
      if (!this.closing) {
        this.events?.onEnd();
      }
      this.endIfBothClosed();
    }
  }

  private endIfBothClosed(): void {
    if (this.closing && this.otherClosed) {
      this.over = true;
      this.settleClosed();
    }
  }

  private end(): void {
    this.ended = true;
    this.over = true;
    this.out.drop();
    this.settleClosed();
  }
}
