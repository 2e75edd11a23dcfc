/** What the two Riemannian optimizers share: which manifold, which retraction, how often points are tidied up. */
import type * as tf from '@tensorflow/tfjs-core';
import type {Manifold} from '../manifolds/manifold.js';
import {stiefel} from '../manifolds/stiefel.js';
import {checkMembers} from '../ops/check_values.js';
import {checkInteger, savedOptions} from './options.js';
import {deserializeLearningRate, type LearningRate} from './schedules.js';

/** Options common to `train.riemannianSgd` and `train.riemannianAdam`. */
export interface RiemannianOptions {
  learningRate: LearningRate;
  /** Default `stiefel`. */
  manifold?: Manifold;
  /** Name of a retraction of the manifold: for `stiefel` `polar` (default), `qr` or `cayley`. */
  retraction?: string;
  /** Every so many updates points and momenta are projected back, against slow drift; 0 for never. Default 100 (ours). */
  stabilize?: number;
  /** Global norm to clip the Euclidean gradients to. Default: none. */
  clipNorm?: number | null;
}

/** Checked common options. */
export interface RiemannianSettings {
  manifold: Manifold;
  retraction: string;
  stabilize: number;
}

/** Names of the common options. */
export const RIEMANNIAN_OPTIONS = [
  'learningRate',
  'manifold',
  'retraction',
  'stabilize',
  'clipNorm',
] as const;

/** Manifolds that can be named in a saved configuration. */
const manifolds: Record<string, Manifold> = {stiefel};

/** Checks the common options and fills in the defaults. */
export function riemannianSettings(where: string, options: RiemannianOptions): RiemannianSettings {
  const {manifold = stiefel, retraction = 'polar', stabilize = 100} = options;
  const methods = ['shapeError', 'egrad2rgrad', 'retr', 'retrTransp', 'projx', 'proju', 'inner'];
  checkMembers(where, 'manifold', manifold, methods, 'a manifold such as stiefel');
  const {retractions} = manifold;
  if (retractions != null && !retractions.includes(retraction)) {
    throw new Error(
      `${where}: retraction is '${String(retraction)}', expected one of ${retractions.join(', ')}.`,
    );
  }
  checkInteger(where, 'stabilize', stabilize);
  return {manifold, retraction, stabilize};
}

/** Throws, naming the variable, if it cannot be a point of the manifold. */
export function checkPointShape(where: string, manifold: Manifold, variable: tf.Variable): void {
  const shapeError = manifold.shapeError(variable.shape);
  if (shapeError != null) {
    throw new Error(
      `${where}: variable '${variable.name}' cannot be a point of ${manifold.name}: ${shapeError}.`,
    );
  }
}

/** Options from a saved configuration. */
export function riemannianFromConfig(config: tf.serialization.ConfigDict): RiemannianOptions {
  const manifold = manifolds[config.manifold as string];
  if (manifold == null) {
    throw new Error(
      `manifold '${String(config.manifold)}' is not known, expected one of ${Object.keys(manifolds).join(', ')}.`,
    );
  }
  return {
    ...savedOptions(config),
    manifold,
    learningRate: deserializeLearningRate(config.learningRate),
  };
}
