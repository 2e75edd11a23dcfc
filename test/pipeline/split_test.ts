import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {projectionBoundary, type ProjectionBoundary} from '../../src/layers/index.js';
import {describeSplit} from '../../src/pipeline/describe_split.js';
import {llama} from '../../src/models/llama/index.js';
import {splitModel} from '../../src/pipeline/split.js';
import {keepStage} from '../../src/pipeline/stage.js';
import {tinyConfig} from './support/tiny.js';

const V = 11;
const D = 6;
type S = tfl.SymbolicTensor;

/** `x + dense(x)`, so that no cut can fall inside. */
function block(name: string, x: S): S {
  const branch = tfl.layers.dense({name: `${name}.mlp`, units: D, activation: 'tanh'}).apply(x);
  return tfl.layers.add({name: `${name}.add`}).apply([x, branch as S]) as S;
}

/** Embedding, `blocks` residual blocks with a boundary after each number in `at`, head. */
function model(blocks: number, at: number[] = [], rank = 3): tfl.LayersModel {
  const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
  let x = tfl.layers.embedding({name: 'embed', inputDim: V, outputDim: D}).apply(ids) as S;
  let previous: ProjectionBoundary | undefined;
  for (let i = 0; i < blocks; i++) {
    x = block(`block${i}`, x);
    if (at.includes(i)) {
      const senderAnchors = previous?.receiverAnchors ?? undefined;
      previous = projectionBoundary({name: `boundary${i}`, rank, vocabSize: V, senderAnchors});
      x = previous.apply([x, ids]) as S;
    }
  }
  const logits = tfl.layers.dense({name: 'head', units: V}).apply(x) as S;
  return tfl.model({inputs: ids, outputs: logits, name: 'small'});
}

function sampleIds(): tf.Tensor2D {
  return tf.tensor2d([1, 2, 3, 4, 10, 0], [2, 3], 'int32');
}

/** Runs the stages one after the other. */
function chain(stages: ReturnType<typeof splitModel>, ids: tf.Tensor): tf.Tensor {
  return tf.tidy(() =>
    stages.reduce<tf.Tensor>(
      (x, stage) => stage.call(stage.isFirst ? [ids] : stage.takesIds ? [x, ids] : [x], false),
      ids,
    ),
  );
}

describe('splitModel', () => {
  it('cuts exactly at the boundaries and keeps weights, names and values', async () => {
    const whole = model(4, [0, 1, 2]);
    const names = whole.weights.map((w) => w.name);
    const stages = splitModel(whole, {stages: 4});
    expect(stages.map(({begins}) => begins)).toEqual([
      'model input',
      "at 'boundary0'",
      "at 'boundary1'",
      "at 'boundary2'",
    ]);
    expect(stages.map(({encoder}) => encoder?.boundary.name ?? null)).toEqual([
      'boundary0',
      'boundary1',
      'boundary2',
      null,
    ]);
    expect(stages[1].model.inputs.map((t) => t.shape)).toEqual([
      [null, null, 3],
      [null, null],
    ]);
    expect(stages.map(({sendsIds}) => sendsIds)).toEqual([true, true, true, false]);
    const split = stages.flatMap(({weights}) => weights);
    expect(new Set(split)).toEqual(new Set(whole.weights));
    expect(split.length).toBe(whole.weights.length);
    expect(split.map((w) => w.name).sort()).toEqual([...names].sort());
    // The projector belongs to the sender, each table to the stage that holds it.
    expect(stages[0].weights.map((w) => w.originalName)).toContain('boundary0/projector');
    expect(stages[1].weights.map((w) => w.originalName)).not.toContain('boundary0/projector');
    expect(stages[1].weights.map((w) => w.originalName)).toContain(
      'boundary0.receiver_anchors/table',
    );
    const ids = sampleIds();
    const direct = whole.predict(ids) as tf.Tensor;
    const chained = chain(stages, ids);
    expect(Array.from(await chained.data())).toEqual(Array.from(await direct.data()));
    tf.dispose([ids, direct, chained]);
  });

  it('balances by parameters where there are no boundaries, between blocks', () => {
    const stages = splitModel(model(4), {stages: 4});
    const firsts = stages.map(({model: {layers}}) =>
      layers.map((l) => l.name).filter((n) => !n.startsWith('stage_') && n !== 'ids'),
    );
    // 66 (embed), four times 42, 77 (head): the largest stage has 84 whatever one does.
    expect(firsts.flat()).toEqual([
      'embed',
      'block0.mlp',
      'block0.add',
      'block1.mlp',
      'block1.add',
      'block2.mlp',
      'block2.add',
      'block3.mlp',
      'block3.add',
      'head',
    ]);
    expect(Math.max(...stages.map(({parameters}) => parameters))).toBe(84);
    expect(
      stages.every(
        ({encoder, decoder, takesIds, sendsIds}) =>
          [encoder, decoder].every((half) => half == null) && !takesIds && !sendsIds,
      ),
    ).toBe(true);
  });

  it('chooses the most balanced of too many boundaries, and adds plain cuts to too few', () => {
    const two = splitModel(model(4, [0, 1, 2]), {stages: 2});
    expect(two.map(({begins}) => begins)).toEqual(['model input', "at 'boundary1'"]);
    const three = splitModel(model(4, [1]), {stages: 3});
    expect(three.length).toBe(3);
    expect(three.some(({begins}) => begins === "at 'boundary1'")).toBe(true);
  });

  it('passes ids through stages that do not need them', async () => {
    const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
    const dense = (name: string, x: S) => tfl.layers.dense({name, units: D}).apply(x) as S;
    let x = tfl.layers.embedding({name: 'embed', inputDim: V, outputDim: D}).apply(ids) as S;
    x = dense('b', dense('a', x));
    x = projectionBoundary({name: 'cut', rank: 2, vocabSize: V}).apply([x, ids]) as S;
    const chainModel = tfl.model({inputs: ids, outputs: dense('head', x), name: 'chain'});
    const stages = splitModel(chainModel, {stages: ['a', 'b', 'head']});
    expect(stages.map(({begins}) => begins)).toEqual([
      'model input',
      "after 'embed'",
      "after 'a'",
      "at 'cut'",
    ]);
    expect(stages.map(({takesIds}) => takesIds)).toEqual([false, false, true, true]);
    expect(stages.map(({sendsIds}) => sendsIds)).toEqual([true, true, true, false]);
    const tokens = sampleIds();
    const direct = chainModel.predict(tokens) as tf.Tensor;
    const chained = chain(stages, tokens);
    expect(Array.from(await chained.data())).toEqual(Array.from(await direct.data()));
    tf.dispose([tokens, direct, chained]);
  });

  it('refuses cuts across a skip connection and says where to cut instead', () => {
    expect(() => splitModel(model(2, [0]), {stages: ['block1.mlp']})).not.toThrow();
    expect(() => splitModel(model(2), {stages: ['block1.add']})).toThrowError(
      "splitModel: no stage of 'small' can begin at 'block1.add': it needs 2 activations " +
        "('block0.add', 'block1.mlp'); stages can begin at 'block0.mlp', 'block1.mlp', 'head'.",
    );
    expect(() => splitModel(model(2), {stages: ['block9']})).toThrowError(
      /begin at 'block9': it has no layer of that name; stages can begin at 'block0.mlp'/,
    );
    expect(() => splitModel(model(2), {stages: ['embed']})).toThrowError(/nothing before it/);
    expect(() => splitModel(model(3), {stages: ['block2.mlp', 'block1.mlp']})).toThrowError(
      /'block1.mlp' does not lie behind 'block2.mlp'/,
    );

    const a = tfl.input({shape: [4], name: 'a'});
    const d1 = tfl.layers.dense({name: 'd1', units: 4}).apply(a) as S;
    const d2 = tfl.layers.dense({name: 'd2', units: 4}).apply(d1) as S;
    const d3 = tfl.layers.dense({name: 'd3', units: 4}).apply(d2) as S;
    const sum = tfl.layers.add({name: 'sum'}).apply([d1, d3]) as S;
    const skip = tfl.model({inputs: a, outputs: sum, name: 'skip'});
    expect(() => splitModel(skip, {stages: ['d3']})).toThrowError(
      "splitModel: no stage of 'skip' can begin at 'd3': a connection skips it ('d1' → 'sum'); " +
        "stages can begin at 'd2'.",
    );
  });

  it('finds the one place for a layer that reads two activations, or is used twice', async () => {
    const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
    const embedded = tfl.layers.embedding({name: 'embed', inputDim: V, outputDim: D}).apply(ids);
    const x = tfl.layers.dense({name: 'd1', units: D}).apply(embedded) as S;
    const late = tfl.layers.embedding({name: 'late', inputDim: V, outputDim: D}).apply(ids) as S;
    const sum = tfl.layers.add({name: 'sum'}).apply([x, late]) as S;
    const shared = tfl.layers.dense({name: 'shared', units: D});
    const twice = shared.apply(shared.apply(sum)) as S;
    const last = tfl.layers.dense({name: 'last', units: V}).apply(twice) as S;
    const whole = tfl.model({inputs: ids, outputs: last, name: 'late'});
    const begins = (name: string) => splitModel(whole, {stages: [name]})[1].begins;
    expect(begins('sum')).toBe("after 'd1'");
    expect(begins('shared')).toBe("after 'sum'");
    const input = sampleIds();
    const expected = whole.predict(input) as tf.Tensor;
    const got = chain(splitModel(whole, {stages: ['sum', 'shared', 'last']}), input);
    const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(got, expected))));
    expect((await difference.data())[0]).toBe(0);
    tf.dispose([input, expected, got, difference]);
  });

  it('refuses to leave a mask behind', () => {
    const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
    const args = {name: 'embed', inputDim: V, outputDim: D, maskZero: true};
    const x = tfl.layers.embedding(args).apply(ids) as S;
    const hidden = tfl.layers.dense({name: 'hidden', units: D}).apply(x) as S;
    const crossed = projectionBoundary({name: 'b', rank: 2, vocabSize: V}).apply([hidden, ids]);
    const folding = {name: 'rnn', units: D, recurrentInitializer: 'glorotNormal' as const};
    const state = tfl.layers.simpleRNN(folding).apply(crossed) as S;
    const last = tfl.layers.dense({name: 'last', units: V}).apply(state) as S;
    const masked = tfl.model({inputs: ids, outputs: last, name: 'masked'});
    for (const name of ['hidden', 'b', 'rnn']) {
      expect(() => splitModel(masked, {stages: [name]})).toThrowError(
        /the mask that 'embed' makes would have to cross too.*; stages can begin at 'last'\.$/,
      );
    }
    expect(splitModel(masked, {stages: ['last']}).length).toBe(2);
  });

  it('refuses weights that are used on both sides', () => {
    const a = tfl.input({shape: [4], name: 'a'});
    const shared = tfl.layers.dense({name: 'shared', units: 4});
    const middle = tfl.layers.dense({name: 'middle', units: 4}).apply(shared.apply(a)) as S;
    const twice = tfl.model({inputs: a, outputs: shared.apply(middle) as S, name: 'twice'});
    expect(() => splitModel(twice, {stages: ['middle']})).toThrowError(
      /begin at 'middle': the weight 'shared\/kernel' is used on both sides, by 'shared' and by 'shared'; it cannot be cut anywhere/,
    );
    expect(() => splitModel(twice, {stages: 2})).toThrowError(
      /cannot be cut anywhere: use at most 1. It cannot be cut after 'shared': the weight 'shared\/kernel' is used on both/,
    );
  });

  it('refuses to cut a LLaMA whose head is tied to its embedding', () => {
    const model = llama({...tinyConfig(), tie_word_embeddings: true});
    expect(() => splitModel(model, {stages: 4})).toThrowError(
      "splitModel: stages is 4, but model 'llama' cannot be cut anywhere: use at most 1. It cannot be cut " +
        "after 'model.layers.0': the weight 'model.embed_tokens/weight' is used on both sides, by " +
        "'model.embed_tokens' and by 'lm_head'.",
    );
    expect(splitModel(model, {stages: 1}).length).toBe(1);
  });

  it('refuses a float input that is needed behind the cut', () => {
    const a = tfl.input({shape: [4], name: 'a'});
    const d1 = tfl.layers.dense({name: 'd1', units: 4}).apply(a) as S;
    const d2 = tfl.layers.dense({name: 'd2', units: 4}).apply(d1) as S;
    const sum = tfl.layers.add({name: 'sum'}).apply([d2, a]) as S;
    const late = tfl.model({inputs: a, outputs: sum, name: 'late'});
    expect(() => splitModel(late, {stages: ['d2']})).toThrowError(
      /the model input 'a' \(float32\) is needed after it; only int32 ids travel along/,
    );
  });

  it('refuses more stages than the model has places for', () => {
    expect(() => splitModel(model(2), {stages: 5})).toThrowError(
      /stages is 5, but model 'small' can only be cut after 'embed', after 'block0.add', after 'block1.add': use at most 4\./,
    );
    expect(() => splitModel(model(2), {stages: 0})).toThrowError(/stages is 0, expected/);
    expect(() => splitModel(model(2), {stages: 1.5})).toThrowError(/stages is 1.5, expected/);
    const ids = tfl.input({shape: [null], dtype: 'int32'});
    let x = tfl.layers.embedding({inputDim: V, outputDim: D}).apply(ids) as S;
    for (let i = 0; i < 2; i++) {
      x = tfl.layers.dense({name: `model.layers.${i}`, units: D}).apply(x) as S;
    }
    const x2 = tfl.layers.dense({name: 'lm_head', units: V}).apply(x) as S;
    const blocks = tfl.model({inputs: ids, outputs: x2, name: 'blocks'});
    expect(splitModel(blocks, {stages: 2}).length).toBe(2);
    expect(() => splitModel(blocks, {stages: 3})).toThrowError(
      /stages is 3, but model 'blocks' has only 2 layers \(model.layers.0, model.layers.1\): use at most 2/,
    );
  });

  it('splits a sequential float model, and one stage is the whole model', async () => {
    const whole = tfl.sequential({
      layers: [
        tfl.layers.dense({name: 'one', units: 4, inputShape: [3], activation: 'tanh'}),
        tfl.layers.dense({name: 'two', units: 5}),
      ],
    });
    const x = tf.tensor2d([[1, 2, 3]]);
    const direct = whole.predict(x) as tf.Tensor;
    for (const stages of [1, 2]) {
      const chained = chain(splitModel(whole, {stages}), x);
      expect(Array.from(await chained.data())).toEqual(Array.from(await direct.data()));
      chained.dispose();
    }
    tf.dispose([x, direct]);
  });

  it('keeps one stage and frees the weights of the others', () => {
    const start = tf.memory().numTensors;
    const stages = splitModel(model(4, [0, 1, 2]), {stages: 4});
    const stage = keepStage(stages, 1);
    // Own weights and the two wire copies are left; the decoder never needs the sender's master.
    expect(tf.memory().numTensors - start).toBe(stage.weights.length + 2);
    const z = tf.ones([1, 2, 3]);
    const ids = tf.tensor2d([[0, 1]], [1, 2], 'int32');
    const out = tf.tidy(() => stage.call([z, ids], true));
    expect(out.shape).toEqual([1, 2, 3]);
    tf.dispose([z, ids, out]);
    expect(() => keepStage(stages, 4)).toThrowError(/no stage 4, expected 0 to 3/);
  });

  it('splits 64 blocks quickly', () => {
    expect(splitModel(model(64), {stages: 8}).length).toBe(8);
  });
});

describe('describeSplit', () => {
  it('gives the published bytes per token', () => {
    const build = (rank: number | null, width = 1024): tfl.LayersModel => {
      const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
      let x = tfl.layers.embedding({name: 'embed', inputDim: 32, outputDim: width}).apply(ids) as S;
      if (rank != null) {
        const cut = projectionBoundary({name: 'cut', rank, vocabSize: 32000, anchorRank: 1});
        x = cut.apply([x, ids]) as S;
      }
      const head = tfl.layers.dense({name: 'head', units: 2}).apply(x) as S;
      return tfl.model({inputs: ids, outputs: head});
    };
    const [first, second] = describeSplit(build(256), {stages: 2});
    expect(first.boundary).toEqual({
      name: "at 'cut'",
      width: 1024,
      rank: 256,
      forward: 512,
      ids: 2,
      backward: 512,
      uncompressed: 2048,
      projectorPerStep: 1024 * 256 * 2,
    });
    expect(first.layers).toEqual(['embed', 'cut.encoder']);
    expect(second.layers).toEqual(['cut.decoder', 'head']);
    // Embedding, projector, table and basis of the sender; table and basis of the receiver, head.
    expect(first.parameters).toBe(32 * 1024 + 1024 * 256 + 32000 + 1024);
    expect(second.parameters).toBe(32000 + 1024 + 2 * 1024 + 2);
    expect(second.boundary).toBeNull();
    for (const [width, uncompressed] of [
      [1536, 3072],
      [2048, 4096],
    ]) {
      const [{boundary}] = describeSplit(build(256, width), {stages: 2});
      const {forward, backward, projectorPerStep} = boundary!;
      expect([forward, backward, boundary!.uncompressed]).toEqual([512, 512, uncompressed]);
      expect(projectorPerStep).toBe(width * 256 * 2);
    }
    const [plain] = describeSplit(build(null), {stages: 2});
    expect(plain.boundary).toEqual({
      name: "after 'embed'",
      width: 1024,
      rank: 1024,
      forward: 2048,
      ids: 0,
      backward: 2048,
      uncompressed: 2048,
      projectorPerStep: 0,
    });
    const [float] = describeSplit(build(256), {stages: 2, wire: 'float32', vocabSize: 100000});
    expect([float.boundary!.forward, float.boundary!.ids]).toEqual([1024, 4]);
  });
});
