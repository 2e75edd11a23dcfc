/** What was last reconstructed of each sequence, the same on both ends of a leg. */
import type {LegState} from './leg.js';

const ENTRY = /^sample\.(\d+)$/;

/** One sequence: its values in bfloat16, and how often it has crossed. */
export interface Sample {
  visits: number;
  bits: Uint16Array;
}

/** Samples by key, up to a limit of memory. */
export class SampleMemory {
  private readonly samples = new Map<number, Sample>();
  private bytes = 0;

  constructor(
    private readonly codec: string,
    private readonly limitMB: number,
  ) {}

  /** Number of samples. */
  get size(): number {
    return this.samples.size;
  }

  /** Their keys. */
  keys(): number[] {
    return [...this.samples.keys()];
  }

  /** Bytes of their values. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** What is known of a sample of `length` values. */
  get(key: number, length: number): Sample | null {
    const sample = this.samples.get(key);
    return sample != null && sample.bits.length === length ? sample : null;
  }

  /** Remembers a sample. Throws when that takes more memory than allowed. */
  set(key: number, sample: Sample): void {
    const before = this.samples.get(key)?.bits.byteLength ?? 0;
    this.bytes += sample.bits.byteLength - before;
    if (this.bytes > this.limitMB * 2 ** 20) {
      throw new Error(
        `codec '${this.codec}': ${this.size} sequences take more than memoryMB = ${this.limitMB}: it keeps ` +
          'every sequence on both ends of each boundary; raise memoryMB, train on fewer, or use another codec',
      );
    }
    this.samples.set(key, sample);
  }

  state(): LegState {
    const entries = [...this.samples].map(([key, {visits, bits}]) => {
      const values = new Int32Array(2 + Math.ceil(bits.length / 2));
      values.set([visits, bits.length]);
      new Uint16Array(values.buffer).set(bits, 4);
      return [`sample.${key}`, {dtype: 'int32' as const, shape: [values.length], values}];
    });
    return Object.fromEntries(entries) as LegState;
  }

  setState(state: LegState): void {
    this.samples.clear();
    this.bytes = 0;
    for (const [name, {dtype, values}] of Object.entries(state)) {
      const match = ENTRY.exec(name);
      const fits = dtype === 'int32' && values.length === 2 + Math.ceil(values[1] / 2);
      if (match == null || !fits) {
        throw new Error(
          `codec '${this.codec}': state has an entry '${name}' of ${values.length} ${dtype}, expected ` +
            "'sample.<key>' of int32: visits, number of values, values.",
        );
      }
      const copy = Int32Array.from(values);
      const bits = new Uint16Array(copy.buffer).slice(4, 4 + copy[1]);
      this.set(Number(match[1]), {visits: copy[0], bits});
    }
  }
}
