/** Sums and reshapes that keep nothing: the bits of tfjs's own, in less memory. */
import * as tf from '@tensorflow/tfjs-core';
import {blockOps, type BlockOps} from '../../src/layers/block_ops.js';
import {vjp} from '../../src/pipeline/vjp.js';
import {normal, toTensor} from '../support/dense.js';

type Sums = Pick<BlockOps, 'add' | 'reshape'>;

const PLAIN: Sums = {
  add: (a, b) => tf.add(a, b),
  reshape: <R extends tf.Rank>(x: tf.Tensor, shape: number[]) =>
    tf.reshape(x, shape as tf.ShapeMap[R]) as tf.Tensor<R>,
};

describe('sums and reshapes of blocks', () => {
  it('have the gradients of tfjs, bit for bit, and keep no summand', async () => {
    const [x, dy] = [1, 2].map((seed) => toTensor(normal([2, 6, 8], seed)));
    const weights = [3, 4].map((seed) => tf.variable(toTensor(normal([8, 8], seed))));
    const run = async (ops: Sums) => {
      const flight = vjp(
        (input) => {
          let rows = ops.reshape<tf.Rank.R2>(input, [12, 8]);
          for (const weight of weights) {
            rows = ops.add(rows, tf.matMul(rows, weight as tf.Tensor2D)) as tf.Tensor2D;
          }
          return ops.reshape(rows, [2, 6, 8]);
        },
        [x],
        weights,
      );
      const held = flight.heldBytes;
      const [y] = flight.outputs;
      const {inputs, variables} = flight.backward([dy]);
      const all = [y, inputs[0]!, ...weights.map(({name}) => variables[name])];
      return {held, values: await Promise.all(all.map((t) => t.data()))};
    };
    const plain = await run(PLAIN);
    const sparing = await run(blockOps());
    expect(sparing.values).toEqual(plain.values);
    // At least both products of [12, 8], 4 bytes each; more where a backend's reshapes are copies.
    expect(plain.held - sparing.held).toBeGreaterThanOrEqual(2 * 12 * 8 * 4);
  });
});
