/** A line of bytes to one peer, which a channel is made on. Each kind of transport has its own. */
export interface Link {
  /** PeerId at the other end, proved by the transport. */
  readonly remoteId: string;
  /** Whether little enough waits to be sent that more may be written. */
  readonly writable: boolean;
  /** Sends `bytes`, which now belong to the link. Does nothing once the link has ended. */
  write(bytes: Uint8Array): void;
  /** Begins to deliver what arrives. Called once. */
  start(events: LinkEvents): void;
  /** Sends what was written, then waits for the other end to close too. Never rejects or hangs. */
  close(): Promise<void>;
  /** Drops everything at once. */
  abort(reason: Error): void;
}

export interface LinkEvents {
  /** Bytes arrived. They are only valid during the call. */
  onBytes(bytes: Uint8Array): void;
  /** `writable` may have become true. */
  onWritable(): void;
  /** Nothing arrives any more. Called once, unless this end closed or aborted. */
  onEnd(error?: Error): void;
}

/** How long `close` waits for the other end. */
export const CLOSE_TIMEOUT_MS = 5000;

/** A link takes more bytes while fewer than this wait in it. */
export const HIGH_WATER_BYTES = 1024 * 1024;
