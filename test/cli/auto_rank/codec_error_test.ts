import {codecError} from '../../../src/cli/auto_rank/codec_error.js';

describe('codecError', () => {
  const even = new Float64Array(16).fill(1);

  it('orders codecs by what they lose', async () => {
    const [float32, bfloat16, int8, int4] = await Promise.all(
      ['float32', 'bfloat16', 'int8', 'int4'].map((codec) => codecError({codec}, even)),
    );
    expect(float32).toBe(0);
    // Rounding to 8 bits of mantissa: at most 2⁻⁹ of each value.
    expect(bfloat16).toBeGreaterThan(0);
    expect(bfloat16).toBeLessThan(2 ** -18);
    expect(int8).toBeGreaterThan(bfloat16);
    expect(int4).toBeGreaterThan(int8);
    expect(int4).toBeLessThan(0.05);
  });

  it('lets codes be learned before they are judged', async () => {
    const error = await codecError({codec: 'rvq', codes: 16, rounds: 1, groups: 8}, even);
    // Two dimensions share a code of 4 bits: worse than the limit of rate and distortion, 2⁻⁴, much better than none.
    expect(error).toBeGreaterThan(1 / 16);
    expect(error).toBeLessThan(0.25);
  });

  it('knows that a few strong directions are easier', async () => {
    const steep = Float64Array.from({length: 16}, (_, i) => 4 ** -i);
    const spec = {codec: 'rvq', codes: 16, rounds: 1, groups: 8};
    expect(await codecError(spec, steep)).toBeLessThan(await codecError(spec, even));
  });
});
