import * as tf from '@tensorflow/tfjs-core';
import {
  CodeCounts,
  codebookStaleness,
  codebookUsage,
  quantisationError,
} from '../../src/diagnostics/index.js';

describe('codebookUsage', () => {
  it('counts each codebook for itself', async () => {
    // One round, two groups, three tokens: codes 0 1 1 and 2 2 2 of four.
    const indices = tf.tensor3d([0, 2, 1, 2, 1, 2], [1, 3, 2], 'int32');
    const usage = await codebookUsage(indices, 4);
    expect(usage.dead).toBe(2 + 3);
    expect(usage.used).toBeCloseTo(3 / 8, 12);
    const entropy = -(1 / 3) * Math.log(1 / 3) - (2 / 3) * Math.log(2 / 3);
    expect(usage.perplexity).toBeCloseTo((Math.exp(entropy) + 1) / 2, 12);
    indices.dispose();
  });

  it('adds up over batches and rounds', async () => {
    const counts = new CodeCounts({rounds: 2, groups: 1, codes: 2});
    const first = tf.tensor3d([0, 0, 1, 1], [2, 2, 1], 'int32');
    const second = tf.tensor3d([1, 1, 1, 1], [2, 2, 1], 'int32');
    await counts.add(first);
    await counts.add(second);
    expect([...counts.counts]).toEqual([2, 2, 0, 4]);
    const usage = counts.usage();
    expect([usage.used, usage.dead]).toEqual([0.75, 1]);
    expect(usage.perplexity).toBeCloseTo(1.5, 12);
    tf.dispose([first, second]);
  });

  it('refuses what are no codes', async () => {
    const indices = tf.tensor3d([0, 4], [1, 2, 1], 'int32');
    await expectAsync(codebookUsage(indices, 4)).toBeRejectedWithError(
      /index 1 is 4, expected a code from 0 to 3/,
    );
    const counts = new CodeCounts({rounds: 2, groups: 1, codes: 8});
    await expectAsync(counts.add(indices)).toBeRejectedWithError(/\[1,2,1\], expected \[2, n, 1\]/);
    expect(() => counts.usage()).toThrowError(/nothing was counted/);
    expect(() => new CodeCounts({rounds: 1, groups: 0, codes: 8})).toThrowError(/groups is 0/);
    indices.dispose();
  });
});

describe('quantisationError', () => {
  it('is the share of the energy that is lost', async () => {
    const [z, same, other] = [tf.tensor1d([3, 4]), tf.tensor1d([3, 4]), tf.tensor1d([3, 2])];
    expect(await quantisationError(z, same)).toBe(0);
    expect(await quantisationError(z, other)).toBeCloseTo(4 / 25, 6);
    const [zero, short] = [tf.zeros([2]), tf.zeros([1])];
    expect(await quantisationError(zero, zero)).toBe(0);
    await expectAsync(quantisationError(z, short)).toBeRejectedWithError(/\[2\] and \[1\]/);
    tf.dispose([z, same, other, zero, short]);
  });
});

describe('codebookStaleness', () => {
  it('is a relative distance', async () => {
    const [live, wire] = [tf.tensor1d([3, 4]), tf.tensor1d([3, 3])];
    expect(await codebookStaleness(live, wire)).toBeCloseTo(1 / 5, 6);
    expect(await codebookStaleness(live, live)).toBe(0);
    tf.dispose([live, wire]);
  });
});
