/** Quantised boundaries in whole training runs. */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {methodPlan} from '../../../src/codecs/index.js';
import {ProjectionBoundary} from '../../../src/layers/index.js';
import {llama, loadLlama} from '../../../src/models/llama/index.js';
import {checkpointFormat, type InProcessPipeline} from '../../../src/pipeline/index.js';
import {usePipelines} from '../../pipeline/support/pipelines.js';
import {tinyBatch, tinyConfig, weightValues} from '../../pipeline/support/tiny.js';

const CUTS = ['model.layers.1', 'model.layers.2'];
/** Five codes, one a microbatch, four microbatches a step: checkpoints fall into the middle of an epoch. */
const forward = {codec: 'rvq', groups: 2, codes: 5, warmupSteps: 1, gradient: 'rotation'};
const backward = {codec: 'rvq', groups: 4, codes: 4, warmupSteps: 1, scale: 'token'};

describe('training through quantised boundaries', () => {
  const runs = usePipelines();

  function plan() {
    return methodPlan(
      {method: 'mapl+rvq', rank: 4, forward, backward},
      {stages: 3, hiddenSize: 16},
    );
  }

  function modelOf(inModel: boolean, options: object = {}): tfl.LayersModel {
    const {quantizer, ...rest} = plan().model!;
    expect(quantizer).toEqual({groups: 2, rounds: 2, codes: 5});
    const own = inModel ? {...rest, quantizer} : rest;
    const mapl = {stages: 3, ...own, ...options, boundaries: [0, 1]};
    return llama({...tinyConfig(null), hidden_size: 16, mapl});
  }

  function create(model: tfl.LayersModel): Promise<InProcessPipeline> {
    const {model: _, ...legs} = plan();
    return runs.create({model, stages: CUTS, legs});
  }

  async function steps(pipeline: InProcessPipeline, count: number) {
    const seen: object[] = [];
    for (let i = 0; i < count; i++) {
      const metrics = await pipeline.step(tinyBatch(i));
      seen.push(metrics.map(({loss, forward, backward}) => ({loss, forward, backward})));
    }
    return seen;
  }

  for (const inModel of [false, true]) {
    const where = inModel ? 'in the model' : 'of the legs alone';
    it(`with codebooks ${where}: goes on from the middle of an epoch, bit for bit`, async () => {
      const model = modelOf(inModel);
      const whole = await create(model);
      await steps(whole, 3);
      const format = checkpointFormat(model);
      const folder = await whole.save({format, target: path.join(runs.folder, 'step-000003')});
      const expected = await steps(whole, 2);
      const resumed = await create(modelOf(inModel));
      await resumed.load(folder, format);
      expect(await steps(resumed, 2)).toEqual(expected);
      const weights = (pipeline: InProcessPipeline) =>
        weightValues(pipeline.stages.flatMap((stage) => stage.weights));
      expect(await weights(resumed)).toEqual(await weights(whole));
    });
  }

  it('leaves a model that quantises by itself, with the codebooks it learned', async () => {
    const model = modelOf(true);
    const pipeline = await create(model);
    await steps(pipeline, 3);
    const folder = await pipeline.save({
      format: checkpointFormat(model),
      target: path.join(runs.folder, 'step-000003'),
    });
    const loaded = await loadLlama(folder);
    const quantizers = loaded.layers.flatMap((layer) =>
      layer instanceof ProjectionBoundary ? [layer.quantizer!] : [],
    );
    expect(quantizers.map(({ready}) => ready)).toEqual([true, true]);
    const codebooks = await weightValues(pipeline.stages.flatMap((stage) => stage.weights));
    for (const {name, learner} of quantizers) {
      const live = Array.from(await learner!.weights.codebooks.read().data());
      expect(Array.from(codebooks[`${name}/codebooks`])).toEqual(live);
    }
    const ids = tf.tensor2d(tinyBatch(0).ids as Int32Array, [8, 6], 'int32');
    const quantised = loaded.predict(ids) as tf.Tensor;
    const before = Array.from(await quantised.data());
    quantizers.forEach(({learner}) => learner!.weights.setProgress(3, false));
    const plain = loaded.predict(ids) as tf.Tensor;
    expect(Array.from(await plain.data())).not.toEqual(before);
    tf.dispose([ids, quantised, plain]);
    loaded.dispose();
  });

  it('says what its codebooks are like', async () => {
    const pipeline = await create(modelOf(true));
    await steps(pipeline, 3);
    const measured = await pipeline.trainers[1].measureLegs();
    expect(Object.keys(measured).sort()).toEqual(
      ['boundary.0.backward.sender', 'boundary.1.forward.sender'].flatMap((end) =>
        ['codeUsage', 'deadCodes', 'perplexity', 'quantisationError', 'staleness'].map(
          (what) => `${end}.${what}`,
        ),
      ),
    );
    expect(Object.values(measured).every(Number.isFinite)).toBe(true);
  });

  it('refuses codebooks that the model has in another size, before the first step', async () => {
    await expectAsync(
      create(modelOf(true, {quantizer: {groups: 2, rounds: 2, codes: 6}})),
    ).toBeRejectedWithError(
      /codes is 5, but the boundary's quantizer 'mapl.boundaries.0.quantizer' has 6/,
    );
    expect(() =>
      llama({
        ...tinyConfig(null),
        mapl: {stages: 2, rank: 4, quantizer: {groups: 3, rounds: 1, codes: 4}},
      }),
    ).toThrowError(/mapl.quantizer is .* of rank 4, expected groups that divide the rank/);
    expect(() =>
      llama({
        ...tinyConfig(null),
        mapl: {stages: 2, rank: 4, quantizer: {groups: 2, rounds: 0, codes: 4}},
      }),
    ).toThrowError(/mapl.quantizer.rounds is 0, expected an integer from 1 to 255/);
  });
});
