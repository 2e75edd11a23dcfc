import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {type LlamaHead, type ProjectionBoundary} from '../../../src/layers/index.js';
import {
  balancedBoundaries,
  countParameters,
  llama,
  type LlamaConfig,
} from '../../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../../src/ops/index.js';
import {expectClose, roundTrip, take, weightNames} from '../../layers/support.js';
import {idsOf, lossAndGradients, tiny} from './support.js';

const inputs = [
  [1, 2, 3, 4, 5, 6],
  [10, 9, 8, 7, 0, 1],
];
const targets = [
  [2, 3, 4, 5, 6, 7],
  [9, 8, 7, 0, 1, 2],
];

async function logitsOf(model: tfl.LayersModel, rows = inputs): Promise<Float32Array> {
  const ids = idsOf(rows);
  const logits = await take(model.predict(ids) as tf.Tensor);
  ids.dispose();
  return logits;
}

describe('llama', () => {
  it('does not look ahead and takes any batch and length', async () => {
    const model = llama(tiny);
    const full = await logitsOf(model);
    const part = await logitsOf(model, [inputs[0].slice(0, 3)]);
    expect(part.length).toBe(3 * 11);
    expectClose(part, full.slice(0, 3 * 11), 1e-5);
    model.dispose();
  });

  it('starts from its seed and the names of its weights alone', async () => {
    const values = async (config: object, name: string) => {
      const model = llama({...tiny, ...config});
      const weight = model.weights.find((w) => w.originalName === name) as tfl.LayerVariable;
      const data = Array.from(await weight.read().data());
      model.dispose();
      return data;
    };
    const name = 'model.layers.0/mlp.up_proj.weight';
    const first = await values({}, name);
    expect(await values({num_hidden_layers: 4}, name)).toEqual(first);
    expect(await values({mapl: {stages: 2, rank: 2}}, name)).toEqual(first);
    expect(await values({seed: 4}, name)).not.toEqual(first);
    expect(await values({}, 'model.layers.1/mlp.up_proj.weight')).not.toEqual(first);
    const spread = Math.sqrt(first.reduce((sum, v) => sum + v * v, 0) / first.length);
    expect(spread).toBeGreaterThan(0.2);
    expect(spread).toBeLessThan(0.4);
  });

  it('gives the token embedding a deviation of its own, and nothing else', async () => {
    const plain = llama({...tiny, vocab_size: 64});
    const wide = llama({...tiny, vocab_size: 64, embeddingInitializerRange: 1.5} as LlamaConfig);
    for (const weight of plain.weights) {
      const name = weight.originalName;
      const same = wide.weights.find((w) => w.originalName === name) as tfl.LayerVariable;
      const before = Array.from(await weight.read().data());
      const ratio = name === 'model.embed_tokens/weight' ? 1.5 / 0.3 : 1;
      expectClose(
        await same.read().data(),
        before.map((v) => ratio * v),
        1e-6,
      );
    }
    plain.dispose();
    wide.dispose();
  });

  for (const groups of [1, 2, 4]) {
    it(`with ${groups} key/value heads equals full attention on repeated heads`, async () => {
      const grouped = llama({...tiny, num_key_value_heads: groups});
      const full = llama({...tiny, num_key_value_heads: 4});
      tf.tidy(() => {
        for (const weight of full.weights) {
          const name = weight.originalName;
          const source = grouped.weights.find((w) => w.originalName === name)?.read() as tf.Tensor;
          const repeat = /[kv]_proj/.test(name);
          // [d, g·k] → [d, g, 4/g, k]: query head h uses key/value head floor(h · g / 4).
          const heads =
            repeat && tf.tile(tf.reshape(source, [8, groups, 1, 2]), [1, 1, 4 / groups, 1]);
          weight.write(heads === false ? source : tf.reshape(heads, [8, 8]));
        }
      });
      expectClose(await logitsOf(grouped), await logitsOf(full), 1e-5);
      grouped.dispose();
      full.dispose();
    });
  }

  it('ties the head to the embedding, gradients included', async () => {
    const tied = llama({...tiny, tie_word_embeddings: true});
    const untied = llama(tiny);
    expect(weightNames(tied.weights)).not.toContain('lm_head/weight');
    expect((tied.getLayer('lm_head') as LlamaHead).tied).toBe(true);
    tf.tidy(() => {
      for (const weight of untied.weights) {
        const own = tied.weights.find((w) => w.originalName === weight.originalName);
        const table = tied.weights[0].read() as tf.Tensor2D;
        weight.write(own?.read() ?? tf.transpose(table));
      }
    });
    const one = await lossAndGradients(tied, inputs, targets);
    const two = await lossAndGradients(untied, inputs, targets);
    expect(Math.abs(one.loss - two.loss)).toBeLessThan(1e-5);
    const head = two.gradients.get('lm_head/weight') as Float32Array;
    const table = two.gradients.get('model.embed_tokens/weight') as Float32Array;
    const sum = table.map((g, i) => g + head[(i % 8) * 11 + Math.floor(i / 8)]);
    expectClose(one.gradients.get('model.embed_tokens/weight') as Float32Array, sum, 1e-4);
    const loaded = await roundTrip(tied);
    expectClose(await logitsOf(loaded), await logitsOf(tied), 1e-7);
    [tied, untied, loaded].forEach((model) => model.dispose());
  });

  it('takes biases, long contexts and camel case', async () => {
    const model = llama({
      ...tiny,
      attention_bias: true,
      mlp_bias: true,
      rope_parameters: {
        rope_theta: 500,
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 4,
      },
    });
    const biases = weightNames(model.weights).filter((name) => name.endsWith('.bias'));
    expect(biases.length).toBe(2 * 7);
    const loaded = await roundTrip(model);
    expectClose(await logitsOf(loaded), await logitsOf(model), 1e-7);
    const camel = Object.fromEntries(
      Object.entries(tiny).map(([key, value]) => [
        key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()),
        value as number,
      ]),
    ) as unknown as typeof tiny;
    const other = llama(camel);
    const same = llama(tiny);
    expect(Array.from(await logitsOf(other))).toEqual(Array.from(await logitsOf(same)));
    [model, loaded, other, same].forEach((m) => m.dispose());
  });

  it('trains through boundaries and leaves no tensors behind', async () => {
    const model = llama({...tiny, mapl: {stages: 2, rank: 4}});
    const optimizer = tf.train.sgd(0.1);
    const [x, y] = [idsOf(inputs), idsOf(targets)];
    const step = () =>
      optimizer.minimize(
        () => sparseCrossEntropy(model.apply(x) as tf.Tensor, y) as tf.Scalar,
        true,
      ) as tf.Scalar;
    const [first] = await take(step());
    const before = tf.memory().numTensors;
    let last = first;
    for (let i = 0; i < 3; i++) {
      [last] = await take(step());
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(last).toBeLessThan(first - 0.05);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
  });

  it('trains under compile and fit', async () => {
    const model = llama({...tiny, num_hidden_layers: 1});
    const optimizer = tf.train.sgd(0.1);
    // tfjs wants targets of the output's shape, and its own sparse loss clips logits.
    const loss = (truth: tf.Tensor, logits: tf.Tensor) =>
      tf.losses.softmaxCrossEntropy(truth, logits) as tf.Scalar;
    model.compile({optimizer, loss});
    const x = idsOf(inputs);
    // (wasm writes integers into a float32 oneHot, hence the cast)
    const y = tf.tidy(() =>
      tf.cast(tf.oneHot(tf.tensor2d(targets, [2, 6], 'int32'), 11), 'float32'),
    );
    const {history} = await model.fit(x, y, {epochs: 3, batchSize: 2, verbose: 0});
    const losses = history.loss as number[];
    expect(losses[2]).toBeLessThan(losses[0] - 0.01);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
  });

  it('gives back all memory, rotary tables included', async () => {
    const before = tf.memory().numTensors;
    const first = llama(tiny);
    const second = llama({...tiny, seed: 5});
    const weights = first.weights.length + second.weights.length;
    expect(tf.memory().numTensors).toBe(before + weights + 2);
    await logitsOf(first, [[1, 2, 3]]);
    await logitsOf(second, [[1, 2, 3, 4]]);
    expect(tf.memory().numTensors).toBe(before + weights + 2);
    first.dispose();
    await logitsOf(second);
    second.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('shares one table per stage between its boundaries, also after loading', async () => {
    const model = llama({...tiny, num_hidden_layers: 4, mapl: {stages: 4, rank: 2, anchorRank: 3}});
    const loaded = await roundTrip(model);
    for (const m of [model, loaded]) {
      const boundary = (p: number) => m.getLayer(`mapl.boundaries.${p}`) as ProjectionBoundary;
      for (const p of [1, 2]) {
        expect(boundary(p).senderAnchors).toBe(boundary(p - 1).receiverAnchors);
      }
      const mapl = weightNames(m.weights).filter((name) => name.startsWith('mapl.'));
      expect(mapl.length).toBe(3 + 2 * 4);
      expect(new Set(mapl).size).toBe(mapl.length);
      expect(mapl).toContain('mapl.anchors.3/table');
    }
    expectClose(await logitsOf(loaded), await logitsOf(model), 1e-7);
    model.dispose();
    loaded.dispose();
  });

  it('is counted right before it is built', () => {
    const config = {...tiny, mlp_bias: true, mapl: {stages: 2, rank: 2, anchorRank: 3}};
    const model = llama(config);
    const {total, layers} = countParameters(config);
    expect(total).toBe(model.countParams());
    expect(layers.reduce((sum, {count}) => sum + count, 0)).toBe(total);
    expect(layers.find(({name}) => name === 'model.layers.1')?.count).toBe(
      model.getLayer('model.layers.1').countParams(),
    );
    model.dispose();
  });

  it('spreads layers over stages, larger stages in the middle', () => {
    expect(balancedBoundaries(4, 4)).toEqual([0, 1, 2]);
    expect(balancedBoundaries(8, 3)).toEqual([2, 5]);
    expect(balancedBoundaries(7, 3)).toEqual([1, 4]);
    expect(balancedBoundaries(2, 1)).toEqual([]);
  });
});
