/** Keeps what packing lost, to send it next time. */
import type {LegState} from './leg.js';

const ENTRY = /^residual\.(\d+)$/;

/**
 * Errors by microbatch: that of microbatch m in one step is added to microbatch m of the next, so that over many steps everything is
 * sent (1-bit SGD, Seide et al. 2014; EF-SGD, Karimireddy et al. 2019, who do so for sums of gradients).
 */
export class ErrorFeedback {
  private readonly residuals = new Map<number, {shape: number[]; values: Float32Array}>();

  constructor(private readonly codec: string) {}

  /** Values with the error of last time. Throws if the microbatch had another shape then. */
  add(values: Float32Array, shape: readonly number[], microbatch: number): Float32Array {
    const kept = this.residuals.get(microbatch);
    if (kept == null) {
      return values;
    }
    if (kept.shape.join() !== shape.join()) {
      throw new Error(
        `codec '${this.codec}': errorFeedback has an error of shape [${kept.shape.join(', ')}] for ` +
          `microbatch ${microbatch}, now [${shape.join(', ')}] crosses: keep to one size of batches`,
      );
    }
    return values.map((value, i) => value + kept.values[i]);
  }

  /** Keeps the difference of what was to be sent and what arrives. */
  keep(
    values: Float32Array,
    arrives: Float32Array,
    shape: readonly number[],
    microbatch: number,
  ): void {
    const lost = values.map((value, i) => value - arrives[i]);
    this.residuals.set(microbatch, {shape: [...shape], values: lost});
  }

  state(): LegState {
    const entries = [...this.residuals]
      .sort(([a], [b]) => a - b)
      .map(([microbatch, {shape, values}]) => [
        `residual.${microbatch}`,
        {dtype: 'float32' as const, shape, values},
      ]);
    return Object.fromEntries(entries) as LegState;
  }

  setState(state: LegState): void {
    this.residuals.clear();
    for (const [name, {dtype, shape, values}] of Object.entries(state)) {
      const match = ENTRY.exec(name);
      if (match == null || dtype !== 'float32') {
        throw new Error(
          `codec '${this.codec}': state has an entry '${name}' of ${dtype}, ` +
            "expected 'residual.<microbatch>' of float32.",
        );
      }
      const copy = Float32Array.from(values as Float32Array);
      this.residuals.set(Number(match[1]), {shape: [...shape], values: copy});
    }
  }
}
