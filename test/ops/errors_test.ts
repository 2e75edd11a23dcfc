/** What ops say about bad arguments, word for word: this file runs on every backend, so all of them say the same. */
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

const f = (...shape: number[]) => tf.zeros(shape);
const i = (...shape: number[]) => tf.zeros(shape, 'int32');
const books = () => tf.zeros([2, 3, 5, 2]) as tf.Tensor4D;

const CASES: Array<[act: () => unknown, message: string]> = [
  [
    () => boundaryEncode(f(3, 5), i(3), f(4, 2), f(6, 3), f(3, 4)),
    `boundaryEncode: the last dimension of 'x' is 5; expected 4, the projector's first dimension.`,
  ],
  [
    () => boundaryEncode(i(3, 4), i(3), f(4, 2), f(6, 3), f(3, 4)),
    `boundaryEncode: 'x' is a int32 tensor of shape [3,4]; expected dtype float32. Cast it: tf.cast(x, 'float32').`,
  ],
  [
    () => boundaryEncode(f(1, 4), tf.tensor1d([6], 'int32'), f(4, 2), f(6, 3), f(3, 4)),
    `boundaryEncode: ids[0] = 6 is outside the vocabulary: 'anchors' has 6 rows, so ids go from 0 to 5. ` +
      'Check that the tokenizer belongs to this model.',
  ],
  [
    () => boundaryDecode(f(1, 2), tf.tensor1d([-1], 'int32'), f(4, 2), f(6, 3), f(3, 4)),
    `boundaryDecode: ids[0] = -1 is outside the vocabulary: 'anchors' has 6 rows, so ids go from 0 to 5. ` +
      'Check that the tokenizer belongs to this model.',
  ],
  [
    () => boundaryDecode(f(3, 2), f(3), f(4, 2), f(6, 3), f(3, 4)),
    `boundaryDecode: 'ids' is a float32 tensor of shape [3]; expected dtype int32. ` +
      `Make it with dtype 'int32', or cast it: tf.cast(ids, 'int32').`,
  ],
  [() => polarFactor(f(3)), `polarFactor: 'y' has shape [3]; expected [..., m, n].`],
  [
    () => polarFactor(f(3, 3), {step: 6} as object),
    `polarFactor: unknown key 'step', did you mean 'steps'? Known are steps, repeats, finishing.`,
  ],
  [
    () => rvqEncode(tf.tensor2d([[0, 0, NaN, 0, 0, 0]]), books()),
    `rvqEncode: 'z'[0,2] is NaN; expected finite numbers only. ` +
      'Look for what made it: a learning rate that is too high, a division by zero.',
  ],
  [
    () => rvqDecode(tf.tensor(new Int32Array(6).fill(5), [2, 1, 3]), books()),
    `rvqDecode: 'indices'[0,0,0] is 5; expected 0 to 4: 'codebooks' has 5 codes. ` +
      'Check that they were encoded with codebooks of this size.',
  ],
  [
    () => rmsNorm(f(2, 3), f(4)),
    `rmsNorm: the length of 'weight' is 4; expected 3, the last dimension of 'x'.`,
  ],
  [
    () => rmsNorm(f(2, 3), f(3), '1e-5' as unknown as number),
    `rmsNorm: 'epsilon' is '1e-5'; expected 0 or more, for instance 1e-5.`,
  ],
  [
    () => rmsNorm(f(2, 3), f(3), Infinity),
    `rmsNorm: 'epsilon' is Infinity; expected 0 or more, for instance 1e-5.`,
  ],
  [
    () => rotaryEmbedding(f(1, 1, 4, 7), f(4, 3), f(4, 3)),
    `rotaryEmbedding: the last dimension of 'x' is 7; expected an even head dimension.`,
  ],
  [
    () => swiglu(f(2, 3), f(2, 4)),
    `swiglu: 'up' has shape [2,4]; expected [2,3], the shape of 'gate'.`,
  ],
  [
    () => causalAttention(f(1, 4, 3, 2), f(1, 3, 3, 2), f(1, 3, 3, 2)),
    `causalAttention: 'q' has 4 heads and 'k' 3; expected the heads of 'q' to be a multiple of those of 'k'.`,
  ],
  [
    () => causalAttention(f(1, 4, 3, 2), f(1, 4, 3, 2), i(1, 4, 3, 2)),
    `causalAttention: 'v' is a int32 tensor of shape [1,4,3,2]; expected dtype float32. Cast it: tf.cast(v, 'float32').`,
  ],
  [
    () => causalAttention(f(1, 4, 3, 2), f(1, 4, 3, 2), f(1, 4, 3, 2), '1' as unknown as number),
    `causalAttention: 'scale' is '1'; expected a finite number, for instance 1/sqrt(headDim).`,
  ],
  [
    () => sparseCrossEntropy(f(2, 3), tf.tensor1d([0, 3], 'int32')),
    `sparseCrossEntropy: targets[1] = 3 is outside the vocabulary: the last dimension of 'logits' has 3 rows, ` +
      'so ids go from 0 to 2. Check that the tokenizer belongs to this model.',
  ],
  [
    () => sparseCrossEntropy(f(2, 3), i(3)),
    `sparseCrossEntropy: 'targets' has shape [3]; expected [2], the leading dimensions of 'logits'.`,
  ],
];

describe('errors of ops, the same on every backend:', () => {
  for (const [act, message] of CASES) {
    it(message, () => expect(act).toThrowError(message));
  }
});
