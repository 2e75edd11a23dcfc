import {usageOfCounts} from '../../../src/layers/quantizer/code_usage.js';

describe('usageOfCounts', () => {
  it('takes each codebook for itself: dead codes, and e to the entropy', () => {
    // Two codebooks of four codes: counts 1 1 2 0, and 8 alone.
    const usage = usageOfCounts([1, 1, 2, 0, 0, 0, 8, 0], {rounds: 2, groups: 1, codes: 4});
    expect(usage.dead).toBe(1 + 3);
    expect(usage.used).toBe(0.5);
    // Entropy of 1/4, 1/4, 1/2: 1.5 ln 2; of a certain code: 0.
    expect(usage.perplexity).toBeCloseTo((2 ** 1.5 + 1) / 2, 12);
  });

  it('counts codes below a threshold as dead', () => {
    const counts = Float32Array.of(1.5, 2, 0, 7);
    const size = {rounds: 1, groups: 2, codes: 2};
    expect(usageOfCounts(counts, size, 2).dead).toBe(2);
    expect(usageOfCounts(counts, size, 0).dead).toBe(1);
    // Whatever the threshold, the entropy is of all counts.
    expect(usageOfCounts(counts, size, 2).perplexity).toBe(usageOfCounts(counts, size).perplexity);
  });

  it('of a codebook without choices says that all its codes are dead', () => {
    const usage = usageOfCounts([0, 0], {rounds: 1, groups: 1, codes: 2});
    expect(usage).toEqual({used: 0, dead: 2, perplexity: 1});
  });
});
