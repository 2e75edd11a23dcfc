import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {LegSpec} from '../../src/codecs/leg.js';
import {makeLeg} from '../../src/codecs/leg_registry.js';
import {
  getMethod,
  methodNames,
  methodPlan,
  parseLegSpec,
  registerMethod,
  type CompressionSettings,
} from '../../src/codecs/methods/index.js';
import {llama, loadLlama, saveLlama} from '../../src/models/llama/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {checkpointFormat, splitModel, type InProcessPipeline} from '../../src/pipeline/index.js';
import {usePipelines} from '../pipeline/support/pipelines.js';
import {tinyBatch, tinyConfig, weightValues} from '../pipeline/support/tiny.js';

const WIDTH = 16;
const RANK = 4;
const TOKENS = 48;
const CUTS = ['model.layers.1', 'model.layers.2', 'model.layers.3'];

/** What a token takes on each leg at width 16 and rank 4, whether ids travel along, and bytes a sequence besides. */
const ROWS: {
  [method: string]: {
    forward: number;
    backward: number;
    ids: boolean;
    sequence?: number;
    /** Bytes of codebooks that go with a microbatch. */
    microbatch?: number;
    /** Codec of the forward leg with options that suit a tiny run. */
    leg?: LegSpec;
  };
} = {
  none: {forward: 32, backward: 32, ids: false},
  fp16: {forward: 32, backward: 32, ids: false},
  int8: {forward: 18, backward: 18, ids: false},
  int4: {forward: 10, backward: 18, ids: false},
  // 2 and 3 of 16 values, two bytes and a place of four bits each.
  'top-k': {forward: 5, backward: 8, ids: false},
  'aq-sgd': {forward: 10, backward: 18, ids: false, sequence: 8},
  ssn: {forward: 8, backward: 8, ids: true},
  resbm: {forward: 8, backward: 8, ids: false},
  fixed: {forward: 8, backward: 8, ids: true},
  mapl: {forward: 8, backward: 8, ids: true},
  // Two rounds of two bits in two groups; four values of four bits and a scale.
  'mapl+rvq': {
    forward: 1,
    backward: 4,
    ids: true,
    // A header, a code's number, and in each round four bfloat16 values.
    microbatch: 16 + 2 + 16,
    // By itself it has no codebooks in the first twenty steps, and more codes than tokens here.
    leg: {codec: 'rvq', codes: 4, warmupSteps: 1},
  },
  'mapl-no-anchors': {forward: 8, backward: 8, ids: true},
  'mapl-static-anchors': {forward: 8, backward: 8, ids: true},
  'mapl-full-anchors': {forward: 8, backward: 8, ids: true},
  'mapl-unconstrained': {forward: 8, backward: 8, ids: true},
};

function planOf(method: string) {
  const forward = ROWS[method]?.leg;
  return methodPlan({method, rank: RANK, forward}, {stages: 4, hiddenSize: WIDTH});
}

function modelOf(method: string): tfl.LayersModel {
  const {model} = planOf(method);
  const config = {...tinyConfig(null), hidden_size: WIDTH};
  return llama({...config, ...(model == null ? {} : {mapl: {stages: 4, ...model}})});
}

/** Mean loss of a model in one piece on the batch of step 0. */
function wholeLoss(model: tfl.LayersModel): tf.Scalar {
  return tf.tidy(() => {
    const {ids, targets, shape} = tinyBatch(0);
    const tensor = (values: ArrayLike<number>) =>
      tf.tensor2d(Int32Array.from(values), shape as [number, number], 'int32');
    return sparseCrossEntropy(model.apply(tensor(ids)) as tf.Tensor, tensor(targets)) as tf.Scalar;
  });
}

const numbersOf = async (tensor: tf.Tensor) => Array.from(await tensor.data());

/** Its gradients by tfjs alone. */
function wholeGradients(model: tfl.LayersModel): tf.NamedTensorMap {
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const {value, grads} = tf.variableGrads(() => wholeLoss(model), variables);
  value.dispose();
  return grads;
}

describe('compression methods', () => {
  const runs = usePipelines();

  function create(method: string, model = modelOf(method)) {
    const {forward, backward} = planOf(method);
    return runs.create({model, stages: CUTS, legs: {forward, backward}});
  }

  const step = async (pipeline: InProcessPipeline) => (await pipeline.step(tinyBatch(0)))[0].loss;

  it('have a row each in this test', () => {
    expect(methodNames().sort()).toEqual(Object.keys(ROWS).sort());
  });

  for (const method of methodNames()) {
    describe(method, () => {
      it('computes in stages what it computes in whole, bit for bit', async () => {
        const model = modelOf(method);
        const stages = splitModel(model, {stages: CUTS});
        const ids = tf.tensor2d(tinyBatch(0).ids as Int32Array, [8, 6], 'int32');
        const whole = model.predict(ids) as tf.Tensor;
        const split = tf.tidy(() =>
          stages.reduce<tf.Tensor>(
            (x, stage) => stage.call(stage.takesIds ? [x, ids] : [x], false),
            ids,
          ),
        );
        expect(Array.from(await split.data())).toEqual(Array.from(await whole.data()));
        expect(stages.map(({sendsIds}) => sendsIds)).toEqual([
          ...CUTS.map(() => ROWS[method].ids),
          false,
        ]);
        tf.dispose([ids, whole, split]);
        stages.forEach((stage) => stage.dispose());
        model.dispose();
      });

      it('learns, with the bytes it declares', async () => {
        const pipeline = await create(method);
        const losses = [await step(pipeline), await step(pipeline)];
        const metrics = await pipeline.step(tinyBatch(0));
        losses.push(metrics[0].loss);
        expect(losses.every(Number.isFinite)).toBeTrue();
        expect(losses[2]).toBeLessThan(losses[0]);
        const row = ROWS[method];
        const plan = planOf(method);
        const width = plan.model == null ? WIDTH : RANK;
        const declared = (spec: LegSpec) => makeLeg(spec, 'leg').leg.bytesPerToken(width);
        // Some have two bytes a microbatch of twelve tokens besides.
        const expectBytes = (bytes: number, expected: number) =>
          expect(Math.abs(bytes - expected))
            .withContext(`${bytes}`)
            .toBeLessThan(0.2);
        expectBytes(declared(plan.forward), row.forward);
        expectBytes(declared(plan.backward), row.backward);
        for (let p = 0; p < 3; p++) {
          const {forward} = metrics[p];
          const {backward} = metrics[p + 1];
          const codebooks = 4 * (row.microbatch ?? 0);
          expectBytes((forward.activations - codebooks) / TOKENS, row.forward);
          expectBytes(backward.gradients / TOKENS, row.backward);
          expect(forward.ids).toBe((row.ids ? 2 * TOKENS : 0) + 8 * (row.sequence ?? 0));
        }
      });

      if (planOf(method).model != null || method === 'none') {
        it('has the gradients of the whole model, and those of finite differences', async () => {
          const model = modelOf(method);
          const gradients: tf.NamedTensorMap = {};
          const keep = (all: tf.NamedTensorMap) =>
            Object.entries(all).forEach(([name, g]) => (gradients[name] = tf.keep(g.clone())));
          const exact = {codec: 'float32'};
          const pipeline = await runs.create({
            model,
            stages: CUTS,
            optimizer: () => ({applyGradients: keep}),
            legs: {forward: exact, backward: exact},
            wire: 'float32',
          });
          await step(pipeline);
          const expected = wholeGradients(model);
          expect(Object.keys(gradients).sort()).toEqual(Object.keys(expected).sort());
          let squares = 0;
          for (const [name, gradient] of Object.entries(gradients)) {
            const [a, b] = [await numbersOf(gradient), await numbersOf(expected[name])];
            const largest = b.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
            const error = a.reduce((m, value, i) => Math.max(m, Math.abs(value - b[i])), 0);
            expect(error)
              .withContext(name)
              .toBeLessThanOrEqual(1e-4 * largest + 1e-8);
            squares += a.reduce((sum, value) => sum + value * value, 0);
          }
          // Along the gradient the loss changes by its norm.
          const norm = Math.sqrt(squares);
          const lossAt = async (distance: number) => {
            const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
            const before = variables.map((v) => v.clone());
            tf.tidy(() =>
              variables.forEach((v) =>
                v.assign(tf.add(v, tf.mul(gradients[v.name], distance / norm))),
              ),
            );
            const loss = wholeLoss(model);
            const [value] = await loss.data();
            variables.forEach((v, i) => v.assign(before[i]));
            tf.dispose([loss, before]);
            return value;
          };
          const distance = 0.002 / norm;
          const slope = ((await lossAt(distance)) - (await lossAt(-distance))) / (2 * distance);
          expect(slope / norm).toBeCloseTo(1, 2);
          tf.dispose([gradients, expected]);
        });
      }

      it('goes on from a checkpoint as if nothing had been', async () => {
        const model = modelOf(method);
        const first = await create(method, model);
        await step(first);
        const format = checkpointFormat(model);
        const folder = await first.save({format, target: path.join(runs.folder, 'step-000001')});
        const second = await create(method);
        await second.load(folder, format);
        expect(await step(second)).toBe(await step(first));
        const weights = (pipeline: InProcessPipeline) =>
          weightValues(pipeline.stages.flatMap((stage) => stage.weights));
        expect(await weights(second)).toEqual(await weights(first));
      });

      it('is the same model after saving and loading', async () => {
        const model = modelOf(method);
        await saveLlama(model, runs.folder);
        const loaded = await loadLlama(runs.folder);
        const ids = tf.tensor2d(tinyBatch(3).ids as Int32Array, [8, 6], 'int32');
        const [before, after] = [model, loaded].map((m) => m.predict(ids) as tf.Tensor);
        expect(Array.from(await after.data())).toEqual(Array.from(await before.data()));
        tf.dispose([ids, before, after]);
        model.dispose();
        loaded.dispose();
      });
    });
  }

  it('are refused by name when unknown, twice registered or without a name', () => {
    expect(() => getMethod('mapel')).toThrowError(
      /unknown compression method 'mapel'\. Did you mean 'mapl'\?.*Known: none, fp16/,
    );
    const mapl = getMethod('mapl');
    registerMethod(mapl);
    expect(() => registerMethod({...mapl})).toThrowError(/a compression method 'mapl' already/);
    expect(() => registerMethod({...mapl, name: ''})).toThrowError(/name is ''/);
    expect(() => registerMethod({...mapl, name: 'other', version: 0})).toThrowError(/version of/);
    for (const name of methodNames()) {
      const {title, summary, source} = getMethod(name);
      expect([title, summary, source].every((text) => text.length > 0)).toBeTrue();
    }
  });

  it('refuse settings that would be without effect', () => {
    const context = {stages: 4, hiddenSize: 16};
    const refused: Array<[Partial<CompressionSettings>, RegExp]> = [
      [{method: 'int8', anchors: 'full'}, /compression\.anchors is "full", but the method 'int8'/],
      [{method: 'ssn', anchorRank: 3}, /compression\.anchorRank is 3, but the method 'ssn'/],
      [{method: 'fixed', projector: 'learned'}, /compression\.projector is "learned"/],
      [{method: 'mapl', anchors: 'none', anchorRank: 3}, /compression\.anchorRank is 3/],
      [{method: 'mapl', anchors: 'static', anchorStart: 'zeros'}, /compression\.anchorStart/],
      [{method: 'mapl', rank: 17}, /compression\.rank is 17, more than model\.hiddenSize \(16\)/],
      [{method: 'mapl', anchorRank: 17}, /compression\.anchorRank is 17, more than/],
    ];
    for (const [settings, message] of refused) {
      expect(() => methodPlan({method: 'none', rank: 4, ...settings}, context)).toThrowError(
        message,
      );
    }
    expect(methodPlan({method: 'int8', rank: 99}, context).model).toBeNull();
  });

  it('take other codecs of legs, and the number format of the wire', () => {
    const context = {stages: 4, hiddenSize: 16, wire: 'float32'};
    const plan = methodPlan({method: 'mapl', rank: 4, backward: {codec: 'int8'}}, context);
    expect(plan.forward).toEqual({codec: 'float32'});
    expect(plan.backward).toEqual({codec: 'int8'});
    expect(plan.model).toEqual(
      jasmine.objectContaining({rank: 4, anchorRank: 4, anchors: 'factorised'}),
    );
  });
});

describe('parseLegSpec', () => {
  it('reads a name and its options', () => {
    expect(parseLegSpec('int8')).toEqual({codec: 'int8'});
    expect(parseLegSpec('rvq:groups=8,codes=256,rounds=2')).toEqual({
      codec: 'rvq',
      groups: 8,
      codes: 256,
      rounds: 2,
    });
    expect(parseLegSpec('int8:stochastic,errorFeedback=false,name=x1')).toEqual({
      codec: 'int8',
      stochastic: true,
      errorFeedback: false,
      name: 'x1',
    });
  });

  it('refuses what is neither', () => {
    for (const word of ['', ':a', 'a:', 'a:b=', 'a:=1', 'a:b=1,b=2', 'a:codec=b', 'a:b:c', 'a b']) {
      expect(() => parseLegSpec(word))
        .withContext(word)
        .toThrowError(/is no codec of a leg/);
    }
  });
});
