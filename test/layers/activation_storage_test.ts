/** Activations kept as halves: the same forward pass, gradients within 2e-3, half the memory. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {LlamaNorm} from '../../src/layers/llama_norm.js';
import {llama, type LlamaConfig} from '../../src/models/llama/index.js';
import {
  activationStorage,
  setActivationStorage,
  sparseCrossEntropy,
  type ActivationStorage,
} from '../../src/ops/index.js';
import {vjp} from '../../src/pipeline/vjp.js';
import {integersBelow} from '../support/dense.js';

const config: LlamaConfig = {
  vocab_size: 19,
  hidden_size: 24,
  intermediate_size: 37,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 16,
  initializer_range: 0.2,
  seed: 5,
};

interface Case {
  batch: number;
  time: number;
  config: Partial<LlamaConfig>;
}

const CASES: Record<string, Case> = {
  'many heads': {batch: 2, time: 9, config: {}},
  'grouped queries, T = 1': {batch: 3, time: 1, config: {num_key_value_heads: 1}},
  'grouped queries, odd sizes': {
    batch: 1,
    time: 13,
    config: {hidden_size: 21, head_dim: 6, num_attention_heads: 6, num_key_value_heads: 2},
  },
  'biases, tied embeddings': {
    batch: 2,
    time: 5,
    config: {attention_bias: true, mlp_bias: true, tie_word_embeddings: true},
  },
};

async function withStorage<T>(storage: ActivationStorage, run: () => Promise<T>): Promise<T> {
  setActivationStorage(storage);
  try {
    return await run();
  } finally {
    setActivationStorage('float32');
  }
}

const variablesOf = (model: tfl.LayersModel) =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable);

/** Random int32 `[batch, time]`. */
function tokens({batch, time}: Case, seed: number): tf.Tensor2D {
  const {values} = integersBelow(config.vocab_size, [batch, time], seed);
  return tf.tensor2d(Int32Array.from(values), [batch, time], 'int32');
}

/** Loss and gradients of all weights, by `vjp` as in a pipeline, and the bytes that were held for the backward pass. */
async function step(model: tfl.LayersModel, ids: tf.Tensor, targets: tf.Tensor) {
  const before = tf.memory().numBytes;
  const flight = vjp(
    (x) => sparseCrossEntropy(model.apply(x, {training: true}) as tf.Tensor, targets),
    [ids],
    variablesOf(model),
  );
  const held = tf.memory().numBytes - before;
  const [loss] = flight.outputs;
  const {variables} = flight.backward([tf.scalar(1)]);
  const gradients = await Promise.all(
    variablesOf(model).map(async ({name}) => Array.from(await variables[name].data())),
  );
  return {loss: (await loss.data())[0], gradients, held, reported: flight.heldBytes};
}

const norm = (values: number[]) => Math.hypot(...values);

/** Distance of each gradient from its reference, in norms of that; of the largest one where it is nothing but rounding (T = 1). */
function distances(gradients: number[][], references: number[][]): number[] {
  const least = 1e-3 * Math.max(...references.map(norm));
  return references.map((reference, i) => {
    const apart = norm(reference.map((value, j) => value - gradients[i][j]));
    return apart / Math.max(norm(reference), least);
  });
}

describe('activation storage', () => {
  for (const [what, one] of Object.entries(CASES)) {
    it(`float16 has the loss of float32 and gradients within 2e-3: ${what}`, async () => {
      const model = llama({...config, ...one.config});
      const [ids, targets] = [tokens(one, 1), tokens(one, 2)];
      const full = await step(model, ids, targets);
      const half = await withStorage('float16', () => step(model, ids, targets));
      expect(half.loss).toBe(full.loss);
      const largest = Math.max(...distances(half.gradients, full.gradients));
      expect(largest).toBeLessThan(2e-3);
      // Not because nothing was rounded.
      expect(largest).toBeGreaterThan(1e-5);
    });
  }

  it('gives the same bits again, of float16 and, switched back, of float32', async () => {
    const one = CASES['many heads'];
    const model = llama(config);
    const [ids, targets] = [tokens(one, 1), tokens(one, 2)];
    const run = async () => (await step(model, ids, targets)).gradients;
    const full = await run();
    const half = await withStorage('float16', run);
    expect(await withStorage('float16', run)).toEqual(half);
    expect(await run()).toEqual(full);
  });

  it('float16 gives the same gradients in tf.variableGrads', async () => {
    const one = CASES['many heads'];
    const model = llama(config);
    const [ids, targets] = [tokens(one, 1), tokens(one, 2)];
    await withStorage('float16', async () => {
      const {gradients} = await step(model, ids, targets);
      const loss = () => sparseCrossEntropy(model.apply(ids) as tf.Tensor, targets) as tf.Scalar;
      const {grads} = tf.variableGrads(loss, variablesOf(model));
      for (const [i, {name}] of variablesOf(model).entries()) {
        expect(Array.from(await grads[name].data())).toEqual(gradients[i]);
      }
    });
  });

  it('float16 holds at most 0.45 of the bytes, as tf.memory counts them', async () => {
    const one = {batch: 2, time: 16, config: {}};
    const model = llama({...config, hidden_size: 32, intermediate_size: 88});
    const [ids, targets] = [tokens(one, 1), tokens(one, 2)];
    const full = await step(model, ids, targets);
    const half = await withStorage('float16', () => step(model, ids, targets));
    expect(half.held / full.held).toBeLessThan(0.45);
    expect(half.reported / full.reported).toBeLessThan(0.45);
  });

  it('makes gradients that are not finite from what halves cannot hold, in its row alone', async () => {
    const layer = new LlamaNorm({name: 'large_norm', epsilon: 1e-5});
    const x = tf.tensor2d([1, 2, 3, 4, 1e5, 6, 7, 8, 9], [3, 3]);
    layer.apply(x);
    const gradient = tf.grad((rows) => tf.sum(tf.square(layer.apply(rows) as tf.Tensor)));
    const finite = async () => Array.from(await gradient(x).data()).map(Number.isFinite);
    const row = [true, true, true];
    expect(await finite()).toEqual([...row, ...row, ...row]);
    await withStorage('float16', async () => {
      const values = await finite();
      expect([values.slice(0, 3), values.slice(6)]).toEqual([row, row]);
      expect(values.slice(3, 6)).toContain(false);
    });
  });

  it('rounds nothing where no gradient is recorded', async () => {
    const model = llama(config);
    const ids = tokens(CASES['many heads'], 1);
    await withStorage('float16', async () => {
      const {kernels} = await tf.profile(() => model.apply(ids) as tf.Tensor);
      expect(kernels.filter(({name}) => name.includes('Half'))).toEqual([]);
    });
  });

  it('is float32 until it is set, and refuses other formats', async () => {
    expect(activationStorage()).toBe('float32');
    await withStorage('float16', async () => expect(activationStorage()).toBe('float16'));
    const message = `MAPL_ACTIVATION_STORAGE is "bfloat16"; expected 'float32' or 'float16'.`;
    expect(() => setActivationStorage('bfloat16' as ActivationStorage)).toThrowError(message);
    expect(activationStorage()).toBe('float32');
    expect(activationStorage('webgl')).toBe('float32');
    await withStorage('float16', async () => {
      expect(() => activationStorage('webgl')).toThrowError(
        /the backend is 'webgl', whose integers do not hold two halves: use one of tensorflow, webgpu/,
      );
    });
    expect(() => tf.env().set('MAPL_ACTIVATION_STORAGE', 'bfloat16')).toThrowError(message);
    setActivationStorage('float32');
  });
});
