/** The Stiefel manifold called with what it cannot work with. */
import * as tf from '@tensorflow/tfjs-core';
import {orthogonalMatrix, randomStiefel, stiefel} from '../../src/manifolds/index.js';
import {itRefuses, untyped, type Refusal} from '../support/refusals.js';

/** Calls `f` with the point `[4, 2]`, and a tensor of that shape for each 'x' among the arguments. */
const atPoint =
  (f: unknown, ...args: unknown[]) =>
  async () => {
    const x = tf.eye(4, 2);
    try {
      return await untyped(f)(...args.map((arg) => (arg === 'x' ? x : arg)));
    } finally {
      x.dispose();
    }
  };

const missing = (method: string, name: string): RegExp =>
  new RegExp(`^stiefel.${method}: ${name} is (missing|null), expected a tensor \\[..., d, r\\]`);

describe('Arguments of the Stiefel manifold', () => {
  const tensors: Array<[method: keyof typeof stiefel, names: string[]]> = [
    ['checkPoint', ['x']],
    ['checkTangent', ['x', 'u']],
    ['projx', ['x']],
    ['proju', ['x', 'u']],
    ['egrad2rgrad', ['x', 'gradient']],
    ['retr', ['x', 'u']],
    ['transp', ['x', 'y', 'v']],
    ['retrTransp', ['x', 'v']],
    ['inner', ['x', 'u']],
  ];
  itRefuses(
    tensors.flatMap(([method, names]) =>
      names.flatMap((name, i): Refusal[] => {
        const before = method === 'retrTransp' && i === 1 ? ['x', 'x'] : Array(i).fill('x');
        return [
          [`${method} without ${name}`, atPoint(stiefel[method], ...before), missing(method, name)],
          [
            `${method} with null for ${name}`,
            atPoint(stiefel[method], ...before, null),
            missing(method, name),
          ],
        ];
      }),
    ),
  );

  const wide = new Float32Array(8);
  itRefuses([
    ['a number for a point', atPoint(stiefel.projx, 5), /projx: x is 5, expected a tensor/],
    ['an object for a point', atPoint(stiefel.projx, {}), /projx: x is an object, expected/],
    ['values for a point', atPoint(stiefel.projx, wide), /x is an object of class Float32Array/],
    ['null as options of retr', atPoint(stiefel.retr, 'x', 'x', null), /options: .* is null/],
    [
      'an unknown option of retr',
      atPoint(stiefel.retr, 'x', 'x', {method: 'qr'}),
      /stiefel.retr, options: unknown key 'method', did you mean 'retraction'/,
    ],
    [
      'a retraction of another type',
      atPoint(stiefel.retr, 'x', 'x', {retraction: 5}),
      /retraction is '5', expected one of polar, qr, cayley/,
    ],
    ['null as options of inner', atPoint(stiefel.inner, 'x', 'x', 'x', null), /options: .* null/],
    [
      'keepDims that is no switch',
      atPoint(stiefel.inner, 'x', 'x', 'x', {keepDims: 'no'}),
      /keepDims is 'no', expected true or false/,
    ],
    ['null as tolerances', atPoint(stiefel.checkPoint, 'x', null), /checkPoint, options: .* null/],
    ['a tolerance NaN', atPoint(stiefel.checkPoint, 'x', {atol: NaN}), /atol is NaN, expected/],
    ['an unknown tolerance', atPoint(stiefel.checkPoint, 'x', {tol: 1}), /unknown key 'tol'/],
    ['origin()', () => untyped(stiefel.origin)(), /stiefel.origin: d is missing, expected/],
    ['origin(4)', () => untyped(stiefel.origin)(4), /stiefel.origin: r is missing, expected/],
    ['origin(2, 4)', () => stiefel.origin(2, 4), /expected 1 ≤ r ≤ d/],
    ['shapeError()', () => untyped(stiefel.shapeError)(), /shape is missing, expected sizes/],
    ['shapeError(4)', () => untyped(stiefel.shapeError)(4), /shape is 4, expected sizes/],
    ['random()', () => untyped(stiefel.random)(), /d is missing, expected a whole number/],
    ['randomStiefel(4)', () => untyped(randomStiefel)(4), /r is undefined, expected an integer/],
    ['a random matrix without a seed', () => untyped(randomStiefel)(4, 2), /seed is missing/],
    ['orthogonalMatrix()', () => untyped(orthogonalMatrix)(), /rows is missing, expected a who/],
    ['orthogonalMatrix(4)', () => untyped(orthogonalMatrix)(4), /cols is missing, expected a who/],
    ['cols NaN', () => orthogonalMatrix(4, NaN, 1), /cols is NaN, expected a whole number/],
  ]);

  it('are checked where a method is called without its object', () => {
    const {origin, egrad2rgrad} = stiefel;
    const x = origin(4, 2);
    expect(egrad2rgrad(x, x).shape).toEqual([4, 2]);
  });
});
