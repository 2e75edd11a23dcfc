/** What the microbatches of one optimizer step say about the codes, added up until the step ends. */
import * as tf from '@tensorflow/tfjs-core';
import {seededUniform} from '../../manifolds/seeded_normal.js';
import {weightSeed} from '../weight_seed.js';
import {codeStatistics, residuals, roundIndices} from './code_statistics.js';
import type {CodebookSize} from './quantizer_settings.js';

/** Sums of one round; `candidates` are vectors of the batch, one for each code, to replace dead ones. */
interface RoundSums {
  counts: tf.Tensor;
  sums: tf.Tensor;
  candidates: tf.Tensor | null;
}

/** Sums of a step over all rounds: `counts [R, G, K]`, `sums` and `candidates [R, G, K, w]`. */
export interface StepSums {
  counts: tf.Tensor;
  sums: tf.Tensor;
  candidates: tf.Tensor | null;
}

/** Adds up counts and sums in the order of the microbatches. Keeps tensors of its own until `clear`. */
export class StepStatistics {
  private rounds: RoundSums[] = [];

  constructor(private readonly size: CodebookSize) {}

  /** Whether nothing has been added since `clear`. */
  get isEmpty(): boolean {
    return this.rounds.length === 0;
  }

  /**
   * Adds a microbatch.
   *
   * @param z `[n, r]`, `n` of 1 or more.
   * @param indices int32 `[R', n, G]`, from the first `R'` of `codebooks`.
   * @param seed Chooses the candidates, which are those of the first microbatch of a round; null for none.
   */
  add(z: tf.Tensor2D, indices: tf.Tensor, codebooks: tf.Tensor4D, seed: number | null): void {
    const {codes} = this.size;
    tf.tidy(() => {
      for (const [round, residual] of residuals(z, indices, codebooks).entries()) {
        const now = codeStatistics(residual, roundIndices(indices, round), codes);
        const before = this.rounds[round];
        if (before == null) {
          const own = seed == null ? null : this.candidates(residual, weightSeed(seed, `${round}`));
          this.rounds[round] = {
            counts: tf.keep(now.counts),
            sums: tf.keep(now.sums),
            candidates: own == null ? null : tf.keep(own),
          };
          continue;
        }
        const counts = tf.keep(tf.add(before.counts, now.counts));
        const sums = tf.keep(tf.add(before.sums, now.sums));
        tf.dispose([before.counts, before.sums]);
        this.rounds[round] = {...before, counts, sums};
      }
    });
  }

  /** The sums so far; rounds that no microbatch used are zero. Call inside a tidy. */
  total(codebooks: tf.Tensor4D): StepSums {
    const {rounds, groups, codes, width} = this.size;
    const missing = rounds - this.rounds.length;
    const stack = (list: tf.Tensor[], shape: number[]) =>
      tf.stack([...list, ...Array.from({length: missing}, () => tf.zeros(shape))]);
    const hasCandidates = this.rounds.length > 0 && this.rounds[0].candidates != null;
    const kept = this.rounds.map(({candidates}) => candidates as tf.Tensor);
    // Where a round was not used, its codes stand in for candidates, which nobody takes.
    const own = (round: number) =>
      tf.reshape(tf.slice(codebooks, [round, 0, 0, 0], [1, groups, codes, width]), [
        groups,
        codes,
        width,
      ]);
    const rest = Array.from({length: missing}, (_, i) => own(this.rounds.length + i));
    return {
      counts: stack(
        this.rounds.map(({counts}) => counts),
        [groups, codes],
      ),
      sums: stack(
        this.rounds.map(({sums}) => sums),
        [groups, codes, width],
      ),
      candidates: hasCandidates ? tf.stack([...kept, ...rest]) : null,
    };
  }

  /** Forgets everything. */
  clear(): void {
    for (const {counts, sums, candidates} of this.rounds) {
      tf.dispose([counts, sums]);
      candidates?.dispose();
    }
    this.rounds = [];
  }

  /** A vector of the batch for each code, `[G, K, w]`. */
  private candidates(residual: tf.Tensor2D, seed: number): tf.Tensor {
    const {groups, codes, width} = this.size;
    const uniform = seededUniform(seed);
    const count = residual.shape[0];
    const rows = Int32Array.from(
      {length: groups * codes},
      (_, i) => Math.floor(uniform() * count) * groups + Math.floor(i / codes),
    );
    const vectors = tf.reshape(residual, [count * groups, width]);
    return tf.reshape(tf.gather(vectors, tf.tensor1d(rows, 'int32')), [groups, codes, width]);
  }
}
