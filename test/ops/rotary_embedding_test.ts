import * as tf from '@tensorflow/tfjs-core';
import {rotaryEmbedding, rotaryTables} from '../../src/ops/index.js';
import {dense, expectClose, normal, toTensor} from '../support/dense.js';
import * as reference from '../support/reference_ops.js';

const SHAPES = [
  [1, 1, 1, 2],
  [2, 3, 5, 6],
  [3, 7, 10],
  [4, 2],
  [1, 2, 9, 34],
];

describe('rotaryEmbedding', () => {
  for (const shape of SHAPES) {
    it(`of [${shape}] as in float64`, async () => {
      const [length, headDim] = shape.slice(-2);
      const tables = rotaryTables({length, headDim});
      const x = normal(shape, 1);
      const cos = dense([length, headDim / 2], await tables.cos.data());
      const sin = dense([length, headDim / 2], await tables.sin.data());
      const out = rotaryEmbedding(toTensor(x), tables.cos, tables.sin);
      await expectClose(out, reference.rotaryEmbedding(x, cos, sin));
    });
  }

  it('pairs component i with i + headDim/2', async () => {
    // A quarter turn of the first pair (1, 3): (−3, 1); the second pair (2, 4) stays.
    const out = rotaryEmbedding([[1, 2, 3, 4]], [[0, 1]], [[1, 0]]);
    await expectClose(out, dense([1, 4], [-3, 2, 1, 4]));
  });

  it('names what is wrong', () => {
    const table = tf.zeros([4, 3]);
    expect(() => rotaryEmbedding(tf.zeros([1, 1, 4, 8]), table, table)).toThrowError(
      /rotaryEmbedding: 'cos' has shape \[4,3\]; expected \[4,4\], .*rotaryTables\(\{length: 4, headDim: 8\}\)/,
    );
    expect(() => rotaryEmbedding(tf.zeros([1, 1, 4, 7]), table, table)).toThrowError(
      /the last dimension of 'x' is 7; expected an even head dimension/,
    );
  });
});

describe('rotaryTables', () => {
  const options = {length: 6, headDim: 8};

  it('has the angle t · theta^(−2i/headDim) at row t, column i', async () => {
    const {cos, sin} = rotaryTables({...options, theta: 500});
    const angle = 5 * 500 ** (-4 / 8);
    expect((await cos.data())[5 * 4 + 2]).toBeCloseTo(Math.cos(angle), 6);
    expect((await sin.data())[5 * 4 + 2]).toBeCloseTo(Math.sin(angle), 6);
  });

  it('begins at an offset', async () => {
    const late = rotaryTables({length: 2, headDim: 8, offset: 4});
    const all = rotaryTables(options);
    const rows = dense([2, 4], (await all.sin.data()).slice(16));
    await expectClose(late.sin, rows, 1e-7);
  });

  it('divides all frequencies for rope type linear, also under its older key', async () => {
    const plain = rotaryTables({length: 3, headDim: 8});
    const expected = dense([1, 4], (await plain.cos.data()).slice(4, 8));
    for (const scaling of [
      {rope_type: 'linear', factor: 2},
      {type: 'linear', factor: 2},
    ]) {
      const slow = rotaryTables({length: 1, headDim: 8, offset: 2, scaling});
      await expectClose(slow.cos, expected, 1e-6);
    }
  });

  it('follows Hugging Face for rope type llama3', async () => {
    // inv_freq of transformers' _compute_llama3_parameters, written out for four frequencies.
    const scaling = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const frequencies = [0, 1, 2, 3].map((i) => {
      const plain = 1 / 100 ** ((2 * i) / 8);
      const wavelength = (2 * Math.PI) / plain;
      if (wavelength > 64 / 1) {
        return plain / 8;
      }
      if (wavelength < 64 / 4) {
        return plain;
      }
      const smooth = (64 / wavelength - 1) / (4 - 1);
      return ((1 - smooth) * plain) / 8 + smooth * plain;
    });
    // All three cases occur: kept, in between, divided.
    expect(frequencies[0]).toBe(1);
    expect(frequencies[3]).toBeLessThan(0.005);
    const {sin} = rotaryTables({length: 1, headDim: 8, offset: 3, theta: 100, scaling});
    await expectClose(
      sin,
      dense(
        [1, 4],
        frequencies.map((f) => Math.sin(3 * f)),
      ),
      1e-6,
    );
  });

  it('refuses other rope types by name, and incomplete ones', () => {
    expect(() => rotaryTables({...options, scaling: {rope_type: 'yarn', factor: 2}})).toThrowError(
      /rope type 'yarn' is not supported; expected 'default', 'linear' or 'llama3'/,
    );
    expect(() => rotaryTables({...options, scaling: {rope_type: 'linear'}})).toThrowError(
      /'scaling.factor' is undefined; rope type 'linear' needs a positive number/,
    );
  });

  it('refuses sizes that make no sense', () => {
    expect(() => rotaryTables({length: 0, headDim: 8})).toThrowError(
      /length is 0, expected a whole/,
    );
    expect(() => rotaryTables({length: 2, headDim: 7})).toThrowError(
      /headDim is 7, expected an even/,
    );
    expect(() => rotaryTables({length: 2, headDim: 8, theta: 0})).toThrowError(
      /theta is 0, expected a positive/,
    );
    expect(() => rotaryTables({length: 2, headDim: 8, offset: -1})).toThrowError(/offset is -1/);
  });

  it('refuses missing options and keys that nothing reads', () => {
    const untyped = rotaryTables as (options?: object) => unknown;
    expect(() => untyped()).toThrowError(/^rotaryTables: the argument is missing, expected an/);
    expect(() => untyped({length: 2, headDim: 4, base: 500})).toThrowError(/unknown key 'base'/);
  });
});
