/** The weights of a quantiser. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {readableValues} from '../../ops/check_ids.js';
import {createWeight, writeWeight} from '../layer_weight.js';
import type {CodebookAverages} from './ema_update.js';
import type {CodebookSize} from './quantizer_settings.js';

/** Codebooks, their averages, and how far they have come; none is trained by gradients. */
export class CodebookWeights {
  /** `[R, G, K, w]`. */
  readonly codebooks: tfl.LayerVariable;
  /** Average counts `[R, G, K]`. */
  readonly counts: tfl.LayerVariable;
  /** Average sums `[R, G, K, w]`. */
  readonly sums: tfl.LayerVariable;
  /** `[2]`: optimizer steps done; 1 once there are codebooks. */
  private readonly progress: tfl.LayerVariable;
  /** Host copy of `progress`, and the data it was read from: whoever loads weights replaces that. */
  private known: {dataId: object; steps: number; ready: boolean} | null = null;

  /** @param name Weights are `<name>/codebooks`, `<name>/cluster_sizes`, `<name>/sums`, `<name>/progress`. */
  constructor(
    readonly name: string,
    {rounds, groups, codes, width}: CodebookSize,
  ) {
    const shape = [rounds, groups, codes];
    this.codebooks = createWeight(`${name}/codebooks`, [...shape, width], null, false);
    this.counts = createWeight(`${name}/cluster_sizes`, shape, null, false);
    this.sums = createWeight(`${name}/sums`, [...shape, width], null, false);
    this.progress = createWeight(`${name}/progress`, [2], null, false);
  }

  /** All four. */
  get all(): tfl.LayerVariable[] {
    return [this.codebooks, this.counts, this.sums, this.progress];
  }

  /** Optimizer steps done. */
  get steps(): number {
    return this.read().steps;
  }

  /** Whether there are codebooks. */
  get ready(): boolean {
    return this.read().ready;
  }

  /** The three tensors that learn; they belong to the weights. */
  averages(): CodebookAverages {
    return {
      codebooks: this.codebooks.read(),
      counts: this.counts.read(),
      sums: this.sums.read(),
    };
  }

  /** Sets the three tensors; does not free those given. */
  setAverages({codebooks, counts, sums}: CodebookAverages): void {
    this.codebooks.write(codebooks);
    this.counts.write(counts);
    this.sums.write(sums);
  }

  /** Sets how far the codebooks have come. */
  setProgress(steps: number, ready: boolean): void {
    writeWeight(this.progress, Float32Array.of(steps, ready ? 1 : 0));
    this.known = {dataId: this.progress.read().dataId, steps, ready};
  }

  /** Frees all, and says how many. */
  dispose(): number {
    this.all.forEach((weight) => weight.dispose());
    return this.all.length;
  }

  private read(): {steps: number; ready: boolean} {
    const tensor = this.progress.read();
    if (this.known?.dataId !== tensor.dataId) {
      // Never used on a GPU, so that loaded values are still on the host.
      const values = readableValues(tensor) ?? tensor.dataSync();
      const [steps, ready] = [values[0], values[1]];
      this.known = {dataId: tensor.dataId, steps, ready: ready > 0};
    }
    return this.known;
  }
}
