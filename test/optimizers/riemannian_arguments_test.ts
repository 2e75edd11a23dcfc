/** Riemannian optimizers refuse what cannot work when they are made, not at the first step. */
import type * as tf from '@tensorflow/tfjs-core';
import {stiefel} from '../../src/manifolds/index.js';
import {train} from '../../src/optimizers/index.js';

describe('Arguments of the Riemannian optimizers', () => {
  for (const name of ['riemannianSgd', 'riemannianAdam'] as const) {
    const make = train[name] as (options?: unknown) => tf.Optimizer;

    it(`${name}: says what is missing`, () => {
      expect(() => make()).toThrowError(
        `train.${name}: the argument is missing, expected an object, for instance train.${name}({learningRate: 0.01}).`,
      );
      expect(() => make({})).toThrowError(/learningRate is missing, expected a number/);
    });

    it(`${name}: refuses an unknown retraction`, () => {
      expect(() => make({learningRate: 0.1, retraction: 'exponential'})).toThrowError(
        `train.${name}: retraction is 'exponential', expected one of polar, qr, cayley.`,
      );
      for (const retraction of stiefel.retractions!) {
        expect(() => make({learningRate: 0.1, retraction})).not.toThrow();
      }
    });

    it(`${name}: leaves the names to a manifold that does not list them`, () => {
      const {retractions: _, ...manifold} = stiefel;
      expect(() => make({learningRate: 0.1, manifold, retraction: 'mine'})).not.toThrow();
    });
  }
});
