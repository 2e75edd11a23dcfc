/** What the measurements say of arguments that are missing or of another kind. */
import * as tf from '@tensorflow/tfjs-core';
import * as diagnostics from '../../src/diagnostics/index.js';
import {llama} from '../../src/models/llama/index.js';

/** As callers without types see it. */
const untyped = diagnostics as unknown as Record<string, (...args: unknown[]) => unknown>;
const made = diagnostics as unknown as Record<string, new (...args: unknown[]) => unknown>;

describe('arguments of diagnostics', () => {
  const refused: Array<[string, () => unknown, RegExp]> = [
    [
      'capturedEnergy without arguments',
      () => untyped.capturedEnergy(),
      /capturedEnergy: the projector is missing, expected a tensor/,
    ],
    [
      'capturedEnergy of a list',
      () => untyped.capturedEnergy([[1, 2]], tf.ones([2, 1])),
      /capturedEnergy: the residual is an array, expected a tensor/,
    ],
    [
      'principalAngles of one matrix',
      () => untyped.principalAngles(tf.ones([2, 1])),
      /principalAngles: b is missing, expected a tensor/,
    ],
    [
      'orthogonalityError of a vector',
      () => untyped.orthogonalityError(tf.ones([2])),
      /orthogonalityError: the matrix has shape \[2\], expected \[d, r\]/,
    ],
    [
      'orthogonalityErrorOf too few values',
      () => diagnostics.orthogonalityErrorOf([1, 2], 3, 1),
      /orthogonalityErrorOf: got 2 values, expected 3 for \[d, r\] = \[3, 1\]/,
    ],
    [
      'pearsonOfTokenCosines of one tensor',
      () => untyped.pearsonOfTokenCosines(tf.ones([4, 2])),
      /pearsonOfTokenCosines: z is missing, expected a tensor/,
    ],
    [
      'codebookUsage of floats',
      () => diagnostics.codebookUsage(tf.ones([1, 2, 1]), 4),
      /the indices have dtype float32, expected int32/,
    ],
    [
      'codebookUsage of a matrix',
      () => diagnostics.codebookUsage(tf.zeros([1, 2], 'int32'), 4),
      /codebookUsage: the indices have shape \[1,2\], expected \[R, n, G\]/,
    ],
    [
      'CodeCounts without sizes',
      () => new made.CodeCounts(),
      /CodeCounts: the argument is missing, expected an object/,
    ],
    [
      'CodeCounts without all sizes',
      () => new made.CodeCounts({rounds: 1, groups: 2}),
      /CodeCounts: codes is undefined, expected a whole number/,
    ],
    [
      'quantisationError of one tensor',
      () => untyped.quantisationError(tf.ones([2])),
      /quantisationError: reconstruction is missing, expected a tensor/,
    ],
    [
      'codebookStaleness of nothing',
      () => untyped.codebookStaleness(),
      /codebookStaleness: live is missing, expected a tensor/,
    ],
    ['spectrum of nothing', () => untyped.spectrum(), /symmetricEigen: n is missing, expected/],
    [
      'symmetricEigen of no rows',
      () => diagnostics.symmetricEigen(new Float64Array(0), 0),
      /symmetricEigen: n is 0, expected a whole number of at least 1/,
    ],
    [
      'BoundaryProbe without an encoder',
      () => new made.BoundaryProbe(null),
      /BoundaryProbe: encoder is null, expected a stage's encoder/,
    ],
    [
      'energyProfile without a model',
      () => untyped.energyProfile(),
      /energyProfile: model is missing, expected a model/,
    ],
    [
      'initialiseBoundaries without a model',
      () => untyped.initialiseBoundaries(),
      /initialiseBoundaries: model is missing, expected a model/,
    ],
  ];

  for (const [what, act, message] of refused) {
    it(`${what}: named`, async () => {
      const tensors = tf.memory().numTensors;
      await expectAsync((async () => act())()).toBeRejectedWithError(message);
      // Only those that the call was given.
      expect(tf.memory().numTensors).toBeLessThanOrEqual(tensors + 2);
    });
  }

  it('initialiseBoundaries without batches: named', async () => {
    const size = {vocab_size: 5, hidden_size: 4, intermediate_size: 4, num_hidden_layers: 2};
    const model = llama({...size, num_attention_heads: 1, mapl: {stages: 2, rank: 2}});
    await expectAsync((async () => untyped.initialiseBoundaries(model))()).toBeRejectedWithError(
      /initialiseBoundaries: batches is missing, expected a list/,
    );
    model.dispose();
  });

  it('give Infinity where all of what arrives is error', async () => {
    expect(await diagnostics.quantisationError(tf.zeros([2]), tf.ones([2]))).toBe(Infinity);
  });
});
