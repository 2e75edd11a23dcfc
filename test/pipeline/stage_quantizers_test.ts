import * as tfl from '@tensorflow/tfjs-layers';
import {residualVectorQuantizer, type ResidualVectorQuantizerArgs} from '../../src/layers/index.js';
import type {InProcessArgs} from '../../src/pipeline/index.js';
import {usePipelines} from './support/pipelines.js';
import {BATCH, TIME, tinyBatch, VOCAB, weightValues} from './support/tiny.js';

/** Two stages, the second of which begins with a quantiser. */
function model(args: Partial<ResidualVectorQuantizerArgs>): tfl.LayersModel {
  const seeded = (seed: number) => tfl.initializers.glorotNormal({seed});
  return tfl.sequential({
    layers: [
      tfl.layers.embedding({
        name: 'embed',
        inputDim: VOCAB,
        outputDim: 8,
        inputLength: TIME,
        embeddingsInitializer: seeded(1),
      }),
      residualVectorQuantizer({
        name: 'quantizer',
        groups: 2,
        rounds: 2,
        codes: 4,
        warmupSteps: 1,
        seed: 3,
        deadCodeThreshold: 0,
        ...args,
      }),
      tfl.layers.dense({name: 'head', units: VOCAB, kernelInitializer: seeded(2)}),
    ],
  });
}

describe('quantisers inside a stage', () => {
  const runs = usePipelines();

  async function run(
    args: Partial<Pick<InProcessArgs, 'schedule' | 'recompute'>>,
    quantizer: Partial<ResidualVectorQuantizerArgs> = {},
  ) {
    const pipeline = await runs.create({
      model: model(quantizer),
      stages: ['quantizer'],
      wire: 'float32',
      ...args,
    });
    for (let step = 0; step < 3; step++) {
      await pipeline.step(tinyBatch(step % 2));
    }
    return weightValues(pipeline.stages.flatMap(({weights}) => weights));
  }

  it('learn once a step, from all of its microbatches', async () => {
    for (const update of ['call', 'step'] as const) {
      const weights = await run({}, {update});
      expect(weights['quantizer/progress']).toEqual([3, 1]);
      const counts = weights['quantizer/cluster_sizes'];
      for (let book = 0; book < 4; book++) {
        const total = counts.slice(4 * book, 4 * book + 4).reduce((sum, n) => sum + n, 0);
        expect(total).toBeCloseTo(BATCH * TIME, 3);
      }
    }
  });

  it('give the same bits under every schedule, stored or recomputed', async () => {
    const random = {quantizeDropout: 0.5, deadCodeThreshold: 2, gradient: 'rotation'} as const;
    const first = await run({schedule: 'gpipe'}, random);
    expect(first['quantizer/progress']).toEqual([3, 1]);
    for (const schedule of ['gpipe', '1f1b']) {
      for (const recompute of [false, true]) {
        expect(await run({schedule, recompute}, random)).toEqual(first);
      }
    }
  });

  it('forget what a step said that fails', async () => {
    const layers = model({});
    const pipeline = await runs.create({model: layers, stages: ['quantizer'], wire: 'float32'});
    await pipeline.step(tinyBatch(0));
    const before = await weightValues(pipeline.stages.flatMap(({weights}) => weights));
    const head = pipeline.stages[1].model.getLayer('head');
    spyOn(head, 'call').and.throwError('broken');
    await expectAsync(pipeline.step(tinyBatch(1))).toBeRejectedWithError(/broken/);
    expect(await weightValues(pipeline.stages.flatMap(({weights}) => weights))).toEqual(before);
  });
});
