/** Constructors of the optimizers, in the manner of `tf.train`. */
import {AdamWOptimizer, type AdamWOptions} from './adamw_optimizer.js';
import {OptimizerGroups, type GroupsOptions, type OptimizerGroup} from './groups_optimizer.js';
import {MaplOptimizer, type MaplOptions} from './mapl_optimizer.js';
import {MuonOptimizer, type MuonOptions} from './muon_optimizer.js';
import {RiemannianAdamOptimizer, type RiemannianAdamOptions} from './riemannian_adam_optimizer.js';
import {RiemannianSgdOptimizer, type RiemannianSgdOptions} from './riemannian_sgd_optimizer.js';
import {SpelOptimizer, type SpelOptions} from './spel_optimizer.js';

/**
 * Optimizers: `tf.Optimizer`s for `model.compile`, `minimize`, `applyGradients` and the pipeline's trainer. All keep
 * their state by variable name, take a number or a schedule as learning rate, clip by global norm (`clipNorm`) and
 * save and load with `getWeights` and `setWeights`.
 */
export const train = {
  /** The recipe of the MAPL paper: Muon, AdamW and SPEL each where they belong. See `MaplOptimizer`. */
  mapl: (options?: MaplOptions): MaplOptimizer => new MaplOptimizer(options),
  /** Spectral steepest descent on the Stiefel manifold, for projectors. See `SpelOptimizer`. */
  spel: (options?: SpelOptions): SpelOptimizer => new SpelOptimizer(options),
  /** Orthogonalised momentum, for hidden matrices. See `MuonOptimizer`. */
  muon: (options?: MuonOptions): MuonOptimizer => new MuonOptimizer(options),
  /** AdamW as in PyTorch, for all else. See `AdamWOptimizer`. */
  adamw: (options?: AdamWOptions): AdamWOptimizer => new AdamWOptimizer(options),
  /** Gradient descent with momentum on a manifold. See `RiemannianSgdOptimizer`. */
  riemannianSgd: (options: RiemannianSgdOptions): RiemannianSgdOptimizer =>
    new RiemannianSgdOptimizer(options),
  /** Adam on a manifold. See `RiemannianAdamOptimizer`. */
  riemannianAdam: (options: RiemannianAdamOptions): RiemannianAdamOptimizer =>
    new RiemannianAdamOptimizer(options),
  /** Different optimizers for different variables. See `OptimizerGroups`. */
  groups: (groups: OptimizerGroup[], options?: GroupsOptions): OptimizerGroups =>
    new OptimizerGroups(groups, options),
};
