import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {countParameters, llama, type LlamaConfig} from '../../../src/models/llama/index.js';
import {llamaConfigOf} from '../../../src/models/llama/llama_config_of.js';
import {wholeWeights} from '../../../src/models/llama/whole_weights.js';
import {expectClose, roundTrip, take, weightNames} from '../../layers/support.js';

const config: LlamaConfig = {
  vocab_size: 11,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 8,
  initializer_range: 0.2,
  attention_bias: true,
  seed: 3,
  mapl: {stages: 3, rank: 4, kind: 'subspace'},
};

const ids = () => tf.tensor2d([[1, 4, 7, 10, 2]], [1, 5], 'int32');

/** Moves all trainable weights about, as training would. */
function shake(model: tfl.LayersModel): void {
  tf.tidy(() => {
    model.trainableWeights.forEach((weight, i) => {
      const noise = tf.randomNormal(weight.shape as number[], 0, 0.3, 'float32', i + 1);
      weight.write(tf.add(weight.read(), noise));
    });
  });
}

describe('a Subspace Network', () => {
  it('loses nothing at its boundaries, whatever the weights', async () => {
    const model = llama(config);
    for (const shaken of [false, true]) {
      if (shaken) shake(model);
      for (const p of [0, 1]) {
        const boundary = model.getLayer(`mapl.boundaries.${p}`);
        const [x] = boundary.inboundNodes[0].inputTensors;
        const taps = tfl.model({
          inputs: model.inputs,
          outputs: [x, boundary.output as tfl.SymbolicTensor],
        });
        const input = ids();
        const [before, after] = taps.predict(input) as tf.Tensor[];
        // It is no plain identity: of a random vector 12 of 16 dimensions would be lost.
        expectClose(await take(after), await take(before), 3e-6, `boundary ${p}`);
        input.dispose();
      }
    }
    model.dispose();
  });

  it('has coordinates for weights up to the last boundary, and whole ones behind it', () => {
    const model = llama(config);
    const shape = (name: string) => model.weights.find((w) => w.originalName === name)?.shape;
    expect(shape('model.embed_tokens/weight')).toEqual([11, 4]);
    expect(shape('model.layers.1/self_attn.o_proj.weight')).toEqual([16, 4]);
    expect(shape('model.layers.1/self_attn.o_proj.bias')).toEqual([4]);
    expect(shape('model.layers.1/mlp.down_proj.weight')).toEqual([20, 4]);
    expect(shape('model.layers.2/self_attn.o_proj.weight')).toEqual([16, 16]);
    expect(shape('model.layers.2/mlp.down_proj.weight')).toEqual([20, 16]);
    expect(weightNames(model.trainableWeights).filter((name) => name.startsWith('mapl'))).toEqual(
      [],
    );
    const count = model.weights.reduce((sum, w) => sum + tf.util.sizeFromShape(w.shape as []), 0);
    expect(countParameters(config).total).toBe(count);
    model.dispose();
  });

  it('starts with the variances of a plain model', async () => {
    const wide = {...config, hidden_size: 64, vocab_size: 200};
    const model = llama({...wide, mapl: {stages: 3, rank: 16, kind: 'subspace'}});
    const whole = await wholeWeights(llamaConfigOf(model), model.weights);
    const o = whole.find(({name}) => name === 'model.layers.0.self_attn.o_proj.weight')!;
    const data = o.data as Float32Array;
    const rms = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
    expect(rms / 0.2).toBeGreaterThan(0.9);
    expect(rms / 0.2).toBeLessThan(1.1);
    model.dispose();
  });

  it('is a plain LLaMA when its weights are written out in whole', async () => {
    const model = llama(config);
    shake(model);
    const whole = await wholeWeights(llamaConfigOf(model), model.weights);
    const plain = llama({...config, mapl: undefined});
    const own = new Map(model.weights.map((w) => [w.originalName, w]));
    for (const weight of plain.weights) {
      const name = weight.originalName;
      const derived = whole.find((tensor) => tensor.name === name.replace('/', '.'));
      tf.tidy(() => {
        if (derived == null) {
          weight.write(own.get(name)!.read());
        } else {
          const tensor = tf.tensor(derived.data as Float32Array, derived.shape);
          weight.write(name.endsWith('_proj.weight') ? tf.transpose(tensor) : tensor);
        }
      });
    }
    expect(whole.length).toBe(1 + 2 * 3);
    const input = ids();
    const [a, b] = [model, plain].map((m) => m.predict(input) as tf.Tensor);
    expectClose(await take(b), await take(a), 1e-5);
    input.dispose();
    model.dispose();
    plain.dispose();
  });

  it('comes back through tfjs with its subspace and its seed', async () => {
    const model = llama({...config, mapl: {stages: 3, rank: 4, kind: 'subspace', seed: 99}});
    const loaded = await roundTrip(model);
    expect(llamaConfigOf(loaded)).toEqual(llamaConfigOf(model));
    expect(llamaConfigOf(loaded).mapl?.seed).toBe(99);
    const input = ids();
    const [a, b] = [model, loaded].map((m) => m.predict(input) as tf.Tensor);
    expect(Array.from(await take(b))).toEqual(Array.from(await take(a)));
    input.dispose();
    model.dispose();
    loaded.dispose();
  });

  it('refuses what contradicts it', () => {
    const make = (mapl: object, more: object = {}) => llama({...config, ...more, mapl} as never);
    const subspace = {stages: 3, rank: 4, kind: 'subspace'};
    expect(() => make({...subspace, projector: 'learned'})).toThrowError(
      /mapl\.projector is "learned", expected 'fixed' for mapl\.kind 'subspace'/,
    );
    expect(() => make({...subspace, anchors: 'none'})).toThrowError(/mapl\.anchors is "none"/);
    expect(() => make(subspace, {tie_word_embeddings: true})).toThrowError(/untie them/);
    expect(() => make({...subspace, kind: 'sub'})).toThrowError(/mapl\.kind is "sub"/);
    expect(() => make({...subspace, offsetRange: -1})).toThrowError(/mapl\.offsetRange is -1/);
  });
});

describe('anchors that start at the token embedding', () => {
  it('hold its part inside their basis', async () => {
    const mapl = {stages: 3, rank: 4, anchorRank: 3, anchorStart: 'embedding' as const};
    const model = llama({...config, mapl});
    const weight = (name: string) => model.weights.find((w) => w.originalName === name)!.read();
    for (const stage of [0, 1, 2]) {
      const expected = tf.tidy(() =>
        tf.matMul(
          weight('model.embed_tokens/weight') as tf.Tensor2D,
          weight(`mapl.anchors.${stage}/basis`) as tf.Tensor2D,
          false,
          true,
        ),
      );
      const table = await weight(`mapl.anchors.${stage}/table`).data();
      expectClose(table, await take(expected), 1e-6);
    }
    model.dispose();
  });

  it('are the embedding itself without a basis', async () => {
    const mapl = {
      stages: 3,
      rank: 4,
      anchors: 'full' as const,
      anchorStart: 'embedding' as const,
    };
    const model = llama({...config, mapl});
    const values = async (name: string) =>
      Array.from(
        await model.weights
          .find((w) => w.originalName === name)!
          .read()
          .data(),
      );
    expect(await values('mapl.anchors.2/table')).toEqual(await values('model.embed_tokens/weight'));
    model.dispose();
  });
});
