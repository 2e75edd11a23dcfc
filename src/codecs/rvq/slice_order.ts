/** Which codes each microbatch carries. */
import {permutation} from '../../data/random.js';
import {weightSeed} from '../../layers/weight_seed.js';
import {seededUniform} from '../../manifolds/seeded_normal.js';

/**
 * An epoch sends every code index once, in `slices` parts of nearly the same size, in an order drawn from the seed and the
 * number of the epoch (method.md section 7; published: random subsets).
 */
export class SliceOrder {
  private epoch = -1;
  private order: Uint32Array = new Uint32Array(0);

  /**
   * @param codes K; a part has the same code indices of all rounds and groups.
   * @param slices Parts an epoch, 1 to K.
   * @param seed Seed of this leg.
   */
  constructor(
    private readonly codes: number,
    private readonly slices: number,
    private readonly seed: number,
  ) {}

  /** Code indices of part `position`, counted from 0 over all epochs. */
  at(position: number): Uint32Array {
    const {codes, slices} = this;
    const epoch = Math.floor(position / slices);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.order = permutation(codes, seededUniform(weightSeed(this.seed, `epoch/${epoch}`)));
    }
    const part = position % slices;
    const start = Math.floor((part * codes) / slices);
    return this.order.slice(start, Math.floor(((part + 1) * codes) / slices));
  }
}
