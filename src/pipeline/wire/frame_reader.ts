import {checkBytes, refuseValue} from '../../ops/check_values.js';
import {announcedBytes, decodeFrame} from './decode_frame.js';
import type {Frame} from './frame.js';
import {FIXED_BYTES} from './header_layout.js';
import {BadHeader, FrameTooLarge} from './wire_errors.js';

const START_BYTES = 8;

/** A frame and how many bytes it took. */
export interface ReadFrame {
  readonly frame: Frame;
  readonly bytes: number;
}

/** Finds frames in a stream of bytes that arrives in pieces of any size. */
export class FrameReader {
  private readonly start = new Uint8Array(START_BYTES);
  private frame: Uint8Array | null = null;
  private filled = 0;

  /** @param maxFrameBytes A frame that announces more is refused before memory is taken for it. */
  constructor(private readonly maxFrameBytes: number) {
    if (!(typeof maxFrameBytes === 'number' && maxFrameBytes > 0)) {
      refuseValue('FrameReader', 'maxFrameBytes', maxFrameBytes, 'a number of bytes above 0');
    }
  }

  /** Bytes of a frame that has begun and is not complete. */
  get unfinishedBytes(): number {
    return this.filled;
  }

  /**
   * Takes the next bytes and returns the frames that they complete. Each is in a buffer of its own.
   *
   * @throws FrameTooLarge and what `decodeFrame` throws. After that the stream is of no more use.
   */
  *push(chunk: Uint8Array): Generator<ReadFrame, void> {
    checkBytes('FrameReader.push', 'chunk', chunk);
    let at = 0;
    while (at < chunk.byteLength) {
      const target: Uint8Array = this.frame ?? this.start;
      const taken = Math.min(target.byteLength - this.filled, chunk.byteLength - at);
      target.set(chunk.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled < target.byteLength) {
        return;
      }
      if (this.frame == null) {
        this.frame = this.allocate();
      } else {
        this.frame = null;
        this.filled = 0;
        yield {frame: decodeFrame(target), bytes: target.byteLength};
      }
    }
  }

  private allocate(): Uint8Array {
    const bytes = announcedBytes(this.start);
    if (bytes > this.maxFrameBytes) {
      throw new FrameTooLarge(
        `the peer announces a frame of ${bytes} bytes, here at most ${this.maxFrameBytes} are ` +
          'accepted (maxFrameBytes).',
      );
    }
    if (bytes < FIXED_BYTES) {
      throw new BadHeader(`the peer announces a frame of ${bytes} bytes, less than its header.`);
    }
    const frame = new Uint8Array(bytes);
    frame.set(this.start);
    return frame;
  }
}
