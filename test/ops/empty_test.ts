/** Ops of nothing: an empty batch, no query, no token. Shapes come out as of any other size, and gradients are zeros. */
import * as tf from '@tensorflow/tfjs-core';
import {
  boundaryDecode,
  boundaryEncode,
  causalAttention,
  polarFactor,
  rmsNorm,
  rotaryEmbedding,
  rvqDecode,
  rvqEncode,
  sparseCrossEntropy,
  swiglu,
} from '../../src/ops/index.js';

const f = (...shape: number[]) => tf.fill(shape, 0.5);
const i = (...shape: number[]) => tf.zeros(shape, 'int32');

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

const CASES: Array<{name: string; op: Op; inputs: number[][]; shape: number[]}> = [
  {
    name: 'boundaryEncode',
    op: (x, a, e, p) => boundaryEncode(x, i(3, 0), a, e, p),
    inputs: [
      [3, 0, 4],
      [4, 2],
      [5, 3],
      [3, 4],
    ],
    shape: [3, 0, 2],
  },
  {
    name: 'boundaryDecode',
    op: (z, a, e, p) => boundaryDecode(z, i(0), a, e, p),
    inputs: [
      [0, 2],
      [4, 2],
      [5, 3],
      [3, 4],
    ],
    shape: [0, 4],
  },
  {
    name: 'rvqEncode',
    op: (z, codebooks) => tf.cast(rvqEncode(z, codebooks), 'float32'),
    inputs: [
      [0, 4],
      [2, 2, 3, 2],
    ],
    shape: [2, 0, 2],
  },
  {
    name: 'rvqDecode',
    op: (codebooks) => rvqDecode(i(2, 0, 2), codebooks),
    inputs: [[2, 2, 3, 2]],
    shape: [0, 4],
  },
  {name: 'rmsNorm', op: (x, w) => rmsNorm(x, w), inputs: [[0, 3], [3]], shape: [0, 3]},
  {
    name: 'rmsNorm of no columns',
    op: (x, w) => rmsNorm(x, w),
    inputs: [[2, 0], [0]],
    shape: [2, 0],
  },
  {
    name: 'rotaryEmbedding of no sequence',
    op: (x, cos, sin) => rotaryEmbedding(x, cos, sin),
    inputs: [
      [0, 2, 3, 4],
      [3, 2],
      [3, 2],
    ],
    shape: [0, 2, 3, 4],
  },
  {
    name: 'rotaryEmbedding of no position',
    op: (x, cos, sin) => rotaryEmbedding(x, cos, sin),
    inputs: [
      [1, 2, 0, 4],
      [0, 2],
      [0, 2],
    ],
    shape: [1, 2, 0, 4],
  },
  {
    name: 'swiglu',
    op: (gate, up) => swiglu(gate, up),
    inputs: [
      [3, 0],
      [3, 0],
    ],
    shape: [3, 0],
  },
  {
    name: 'causalAttention without queries',
    op: (q, k, v) => causalAttention(q, k, v),
    inputs: [
      [1, 4, 0, 2],
      [1, 2, 3, 2],
      [1, 2, 3, 2],
    ],
    shape: [1, 4, 0, 2],
  },
];

describe('empty tensors:', () => {
  for (const {name, op, inputs, shape} of CASES) {
    it(name, async () => {
      const tensors = inputs.map((sizes) => f(...sizes));
      // The sum with a number that is there: tfjs-webgpu and tfjs-wasm have no sum over nothing.
      const padded = (...given: tf.Tensor[]) => {
        const result = op(...given);
        expect(result.shape).toEqual(shape);
        return tf.sum(tf.concat([tf.reshape(result, [0]), tf.ones([1])]));
      };
      const {value, grads} = tf.valueAndGrads(padded)(tensors);
      expect(Array.from(await value.data())).toEqual([1]);
      for (const [at, gradient] of grads.entries()) {
        expect(gradient.shape).toEqual(inputs[at]);
        expect(Array.from(await gradient.data()).every((v) => v === 0))
          .withContext(`gradient ${at}`)
          .toBeTrue();
      }
    });
  }

  it('are refused where there is nothing to say about none', () => {
    expect(() => polarFactor(f(0, 2, 3))).toThrowError(
      `polarFactor: 'y' has shape [0,2,3]; expected no empty dimension.`,
    );
    expect(() => sparseCrossEntropy(f(0, 3), i(0))).toThrowError(
      `sparseCrossEntropy: 'logits' has shape [0,3]; expected at least one position.`,
    );
    expect(() => causalAttention(f(1, 2, 2, 0), f(1, 2, 2, 0), f(1, 2, 2, 0))).toThrowError(
      `causalAttention: 'q' has shape [1,2,2,0]; expected a head dimension of 1 or more.`,
    );
    expect(() => boundaryEncode(f(3, 4), i(3), f(4, 2), f(6, 0), f(0, 4))).toThrowError(
      `boundaryEncode: 'anchors' has shape [6,0]; expected [V, a] with a of 1 or more.`,
    );
  });
});
