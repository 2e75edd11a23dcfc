/** Measures a boundary while batches pass it. */
import * as tf from '@tensorflow/tfjs-core';
import type {BoundaryDecoder, BoundaryEncoder} from '../layers/index.js';
import {checkMembers} from '../ops/check_values.js';
import {energies} from './captured_energy.js';
import {GramAccumulator} from './gram_accumulator.js';
import {orthogonalityErrorOf} from './orthogonality_error.js';
import {principalAngles} from './principal_angles.js';
import {asRows} from './rows.js';
import {rankForEnergy, spectrum} from './spectrum.js';
import {pearsonOfTokenCosines} from './token_cosines.js';

/** The state of one boundary; what was not measured, or does not exist there, is absent. */
export interface BoundaryHealth {
  /** Boundary, from 0. */
  boundary: number;
  /** ‖AᵀA − I‖₂, largest absolute eigenvalue. */
  orthogonality?: number;
  /** ‖RA‖²/‖R‖² on held-out text: the share of the residual that crosses. */
  capturedEnergy?: number;
  /** The same share for the projector the run began with (its seeded random start). */
  startEnergy?: number;
  /** Least rank that could keep 90 % of the energy of the residual; absent where the width is over `ranksUpTo`. */
  rank90?: number;
  /** The same for 99 %. */
  rank99?: number;
  /** Principal angles to the boundary before, degrees; absent at the first boundary. */
  angles?: {mean: number; largest: number};
  /** Pearson's correlation of the cosines of token pairs before and after projection; null where it is not defined. */
  tokenCosines?: number | null;
  /** What the codecs of the legs say of themselves, such as use of codes, perplexity, quantisation error, staleness. */
  codec?: Record<string, number>;
}

/** What a {@link BoundaryProbe} measures. */
export interface BoundaryProbeOptions {
  /** Receiving half of the boundary before, in the same stage, for the angles between the two. */
  previous?: BoundaryDecoder | null;
  /**
   * Widest activations whose ranks are measured: the eigenvalues take 6 s at 1024 and grow with the cube. Default 1024.
   */
  ranksUpTo?: number;
}

/** Tokens whose pairs are compared. */
const COSINE_TOKENS = 512;

/**
 * Listens at the sending half of a boundary: the energy of the residual R = X − anchors inside the projector's subspace and
 * inside that of its random start, the spectrum of R, and whether the projection keeps the angles between tokens. The angles
 * to the boundary before need no message: this stage has that boundary's wire copy (rounded to the wire's dtype, which
 * in bfloat16 is worth about 0.1°).
 *
 * ```js
 * const probe = new diagnostics.BoundaryProbe(stage.encoder, {previous: stage.decoder});
 * await trainer.evaluate(batches);
 * console.log(await probe.finish(stage.index));
 * ```
 */
export class BoundaryProbe {
  private readonly sums: tf.Scalar[][] = [];
  private readonly gram: GramAccumulator | null;
  private sample: {residual: tf.Tensor; z: tf.Tensor} | null = null;

  constructor(
    private readonly encoder: BoundaryEncoder,
    private readonly options: BoundaryProbeOptions = {},
  ) {
    const expected = "a stage's encoder, the sending half of a projection boundary";
    checkMembers('BoundaryProbe', 'encoder', encoder, ['boundary', 'setCallHook'], expected);
    const {boundary} = encoder;
    const width = boundary.units as number;
    this.gram = width <= (options.ranksUpTo ?? 1024) ? new GramAccumulator(width) : null;
    const start = boundary.initialProjector(width);
    // tfjs' own hook: called with the layer's inputs, inside its tidy.
    encoder.setCallHook((inputs) => this.measure(inputs as tf.Tensor[], start));
  }

  /**
   * Takes the hook out and gives the measurements.
   *
   * @param index Number of the boundary.
   * @throws Error if no batch has passed.
   */
  async finish(index: number): Promise<BoundaryHealth> {
    this.encoder.clearCallHook();
    try {
      return await this.read(index);
    } finally {
      this.dispose();
    }
  }

  /** Takes the hook out and frees what was measured. */
  dispose(): void {
    this.encoder.clearCallHook();
    tf.dispose(this.sums);
    this.sums.length = 0;
    this.gram?.dispose();
    if (this.sample != null) tf.dispose([this.sample.residual, this.sample.z]);
    this.sample = null;
  }

  private async read(index: number): Promise<BoundaryHealth> {
    const {sample, gram} = this;
    if (sample == null) {
      throw new Error('BoundaryProbe.finish: no batch has passed the boundary yet.');
    }
    const {boundary} = this.encoder;
    const width = boundary.units as number;
    let [captured, start, whole] = [0, 0, 0];
    for (const sums of this.sums) {
      const [c, s, w] = await Promise.all(sums.map(async (sum) => (await sum.data())[0]));
      captured += c;
      start += s;
      whole += w;
    }
    const values = await boundary.projector.read().data();
    const health: BoundaryHealth = {
      boundary: index,
      orthogonality: orthogonalityErrorOf(values, width, boundary.rank),
      capturedEnergy: whole === 0 ? 1 : captured / whole,
      startEnergy: whole === 0 ? 1 : start / whole,
    };
    if (gram != null) {
      await gram.settle();
      const energy = spectrum(gram.values, width);
      health.rank90 = rankForEnergy(energy, 0.9);
      health.rank99 = rankForEnergy(energy, 0.99);
    }
    const {previous} = this.options;
    if (previous != null) {
      const before = previous.wireProjector.read();
      const angles = await principalAngles(before, boundary.projector.read());
      const mean = angles.reduce((sum, angle) => sum + angle, 0) / angles.length;
      health.angles = {mean, largest: angles[angles.length - 1]};
    }
    if (sample.z.shape[0] >= 3) {
      const pearson = await pearsonOfTokenCosines(sample.residual, sample.z);
      // JSON has no NaN.
      health.tokenCosines = Number.isFinite(pearson) ? pearson : null;
    }
    return health;
  }

  private measure([x, ids]: tf.Tensor[], start: Float32Array): void {
    const {boundary, senderAnchors} = this.encoder;
    tf.tidy(() => {
      const width = boundary.units as number;
      const anchors = senderAnchors?.call(ids, {});
      const residual = asRows(anchors == null ? x : tf.sub(x, anchors), 'BoundaryProbe: x', width);
      const projector = boundary.projector.read() as tf.Tensor2D;
      const own = energies(residual, projector);
      const random = energies(residual, tf.tensor2d(start, [width, boundary.rank]));
      this.sums.push([own.inside, random.inside, own.whole].map((sum) => tf.keep(sum)));
      this.gram?.add(residual);
      if (this.sample == null) {
        const count = Math.min(COSINE_TOKENS, residual.shape[0]);
        const some = tf.slice(residual, [0, 0], [count, width]);
        this.sample = {residual: tf.keep(some), z: tf.keep(tf.matMul(some, projector))};
      }
    });
  }
}
