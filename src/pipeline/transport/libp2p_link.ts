import type {Stream} from '@libp2p/interface';
import {CLOSE_TIMEOUT_MS, HIGH_WATER_BYTES} from './link.js';
import type {Link, LinkEvents} from './link.js';

/** One stream of libp2p, kept open: a new one costs a round trip. */
export class Libp2pLink implements Link {
  private readonly closed: Promise<void>;
  private closing = false;

  constructor(
    private readonly stream: Stream,
    readonly remoteId: string,
  ) {
    this.closed = new Promise((resolve) =>
      stream.addEventListener('close', () => resolve(), {once: true}),
    );
  }

  /**
   * Asks the length of the buffer and not `stream.onDrain()`, whose promise resolves at once from
   * the second time on: the buffer would grow without bound.
   */
  get writable(): boolean {
    return this.stream.writeBufferLength < HIGH_WATER_BYTES;
  }

  start(events: LinkEvents): void {
    const {stream} = this;
    let ended = false;
    const end = (error?: Error) => {
      if (!ended && !this.closing) {
        ended = true;
        events.onEnd(error);
      }
    };
    // What is sent during these events stays in the buffer until something else is sent: libp2p
    // emits them while it still marks itself as sending.
    const onWritable = () => queueMicrotask(() => events.onWritable());
    stream.addEventListener('drain', onWritable);
    stream.addEventListener('idle', onWritable);
    stream.addEventListener('remoteCloseWrite', () => end());
    // After the death of a peer the error may be missing, and nothing else tells.
    stream.addEventListener('close', (event) => end(event.error));
    stream.addEventListener('message', ({data}) => {
      if (data instanceof Uint8Array) {
        events.onBytes(data);
      } else {
        for (const bytes of data) {
          events.onBytes(bytes);
        }
      }
    });
    // What happened before anybody listened is not told again.
    if (stream.status !== 'open') {
      queueMicrotask(() => end());
    }
  }

  write(bytes: Uint8Array): void {
    if (this.closing || this.stream.writeStatus !== 'writable') {
      return;
    }
    try {
      this.stream.send(bytes);
    } catch (error) {
      this.stream.abort(error as Error);
    }
  }

  async close(): Promise<void> {
    if (!this.closing) {
      this.closing = true;
      const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
      signal.addEventListener('abort', () =>
        this.stream.abort(new Error('the peer did not close')),
      );
      this.stream.close({signal}).catch((error: Error) => this.stream.abort(error));
    }
    if (this.stream.timeline.close == null) {
      await this.closed;
    }
  }

  abort(reason: Error): void {
    this.closing = true;
    this.stream.abort(reason);
  }
}
