import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {
  InProcessNetwork,
  InProcessPipeline,
  PipelineError,
  splitModel,
  StageTrainer,
  type InProcessArgs,
  type StepData,
  type SumLoss,
} from '../../src/pipeline/index.js';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {
  tinyBatch,
  tinyModel,
  tinyOptimizer,
  tinyPipeline,
  VOCAB,
  weightValues,
} from './support/tiny.js';

const create = (args: Partial<InProcessArgs> = {}) => tinyPipeline({timeoutMs: 20_000, ...args});

/** All stages reject, for the same reason, with all weights as they were and nothing left in flight. */
async function expectFault(
  pipeline: InProcessPipeline,
  data: StepData | StepData[],
  expected: {step: number; stage: number; microbatch?: number; message: RegExp},
): Promise<PipelineError> {
  const weights = () => weightValues(pipeline.stages.flatMap((stage) => stage.weights));
  const before = await weights();
  const tensors = tf.memory().numTensors;
  const results = await Promise.allSettled(
    pipeline.trainers.map((trainer, p) => trainer.step(Array.isArray(data) ? data[p] : data)),
  );
  const errors = results.map((result) => (result as PromiseRejectedResult).reason as PipelineError);
  for (const error of errors) {
    expect(error).toBeInstanceOf(PipelineError);
    expect(error.message).toBe(errors[0].message);
    expect(error.message).toMatch(expected.message);
    expect(error.message).toContain('No weights were changed in this step.');
    expect([error.step, error.stage]).toEqual([expected.step, expected.stage]);
    expect(error.microbatch).toBe(expected.microbatch);
  }
  expect(await weights()).toEqual(before);
  expect(tf.memory().numTensors).toBe(tensors);
  // A trainer that stopped stays stopped, for the same reason.
  const again = await pipeline.trainers[1].step().catch((error: Error) => error.message);
  expect(again).toBe(errors[1].message);
  await pipeline.close();
  return errors[expected.stage];
}

describe('StageTrainer, faults', () => {
  it('refuses ids outside the vocabulary, with their position', async () => {
    for (const [name, stage, value] of [
      ['ids', 0, VOCAB],
      ['targets', 3, -1],
      ['ids', 0, NaN],
      ['ids', 0, 1.5],
    ] as const) {
      const pipeline = await create();
      await pipeline.step(tinyBatch(0));
      const batch = tinyBatch(1);
      const wrong = Array.from(batch[name]);
      wrong[2 * 6 + 5] = value;
      await expectFault(
        pipeline,
        {...batch, [name]: wrong},
        {
          step: 2,
          stage,
          message: new RegExp(
            `Step 2 stopped at stage ${stage}: ${name}\\[2, 5\\] is ${value}, expected a token id from 0 to 18`,
          ),
        },
      );
    }
  });

  it('refuses batches that cannot be divided, and data of another shape', async () => {
    // Only the first stage gets the wrong data: otherwise the last would find its own fault at the same time.
    const first = (data: StepData): StepData[] => [data, {}, {}, tinyBatch(0)];
    await expectFault(await create(), first(tinyBatch(0, 6)), {
      step: 1,
      stage: 0,
      message: /a batch of 6 sequences cannot be divided into 4 microbatches/,
    });
    await expectFault(await create(), first({...tinyBatch(0), shape: [8, 7]}), {
      step: 1,
      stage: 0,
      message: /ids has 48 values, expected \[batch, time\] = \[8, 7\]/,
    });
    await expectFault(
      await create(),
      {...tinyBatch(0), targets: undefined},
      {
        step: 1,
        stage: 3,
        message: /targets and their shape \[batch, time\] are missing/,
      },
    );
  });

  it('stops at NaN in an activation, naming step, stage and microbatch', async () => {
    const pipeline = await create();
    await pipeline.step(tinyBatch(0));
    const weight = pipeline.stages[1].weights.find((w) => w.name.includes('mlp.down_proj'))!;
    tf.tidy(() => void weight.write(tf.fill(weight.shape as number[], NaN)));
    await expectFault(pipeline, tinyBatch(1), {
      step: 2,
      stage: 1,
      microbatch: 0,
      message: /Step 2 stopped at stage 1, microbatch 0: its output has NaN at \[0, 0, 0\]/,
    });
  });

  it('stops at an infinite loss', async () => {
    const pipeline = await create();
    const weight = pipeline.stages[3].weights.find((w) => w.name.includes('lm_head'))!;
    tf.tidy(() => void weight.write(tf.fill(weight.shape as number[], Infinity)));
    await expectFault(pipeline, tinyBatch(0), {
      step: 1,
      stage: 3,
      microbatch: 0,
      message: /stage 3, microbatch 0: the loss is (NaN|Infinity)/,
    });
  });

  it('stops at NaN in a gradient before any stage updates', async () => {
    // The value is fine; the gradient of the third microbatch is not.
    let calls = 0;
    const loss: SumLoss = (logits, targets) =>
      tf.add(
        sparseCrossEntropy(logits, targets, 'sum'),
        tf.customGrad((x) => {
          const bad = calls++ === 2 ? NaN : 0;
          return {
            value: tf.scalar(0),
            gradFunc: () => tf.fill((x as tf.Tensor).shape, bad),
          };
        })(logits),
      );
    await expectFault(await create({loss}), tinyBatch(0), {
      step: 1,
      stage: 3,
      microbatch: 2,
      message: /stage 3, microbatch 2: the gradient of its input has NaN/,
    });
  });

  it("stops when only a weight's gradient is infinite, naming the weight", async () => {
    const pipeline = await create({
      stages: 1,
      loss: (logits, targets) =>
        tf.mul(sparseCrossEntropy(logits, targets, 'sum'), tf.fill([], 3e38)),
    });
    const error = await pipeline.step(tinyBatch(0)).catch((e: Error) => e);
    expect((error as Error).message).toMatch(
      /Step 1 stopped at stage 0.*(the loss is Infinity|the gradient of '.*' has NaN or infinity|sum of squares)/,
    );
    await pipeline.close();
  });

  it('stops on all stages when a neighbour is lost in the middle of a step', async () => {
    const network = new InProcessNetwork({delayMs: 3});
    const pipeline = await create({network});
    await pipeline.step(tinyBatch(0));
    const tensors = tf.memory().numTensors;
    const steps = pipeline.trainers.map((trainer) => trainer.step(tinyBatch(1)));
    const results = Promise.allSettled(steps);
    setTimeout(() => network.cut('stage-1', 'stage-2'), 8);
    const errors = (await results).map((r) => (r as PromiseRejectedResult).reason as Error);
    expect(errors.length).toBe(4);
    for (const error of errors) {
      expect(error).toBeInstanceOf(PipelineError);
      expect(error.message).toMatch(/Step 2 stopped at stage [12].*stage [21] was lost/);
    }
    expect(tf.memory().numTensors).toBe(tensors);
    await pipeline.close();
  });

  it('gives up on a neighbour that does not answer', async () => {
    const network = new InProcessNetwork();
    const pipeline = await create({network, timeoutMs: 400});
    await pipeline.step(tinyBatch(0));
    network.hold('stage-2', 'stage-3');
    const steps = pipeline.trainers.map((trainer) => trainer.step(tinyBatch(1)));
    const errors = (await Promise.allSettled(steps)).map(
      (r) => (r as PromiseRejectedResult).reason as Error,
    );
    for (const error of errors) {
      expect(error.message).toMatch(
        /Step 2 stopped at stage \d.*nothing came from stage \d for 400 ms while waiting for the/,
      );
    }
    await pipeline.close();
  });

  it('hears of a fault between two steps', async () => {
    const pipeline = await create();
    await pipeline.step(tinyBatch(0));
    const wrong = {...tinyBatch(1), shape: [1, 1] as [number, number]};
    await pipeline.trainers[0].step(wrong).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const error = await pipeline.trainers[3].step(tinyBatch(1)).catch((e: Error) => e);
    expect((error as Error).message).toMatch(/Step 2 stopped at stage 0: ids has 48 values/);
    await pipeline.close();
  });

  it('says when weights may have been changed', async () => {
    const model = tinyModel();
    const pipeline = await create({
      model,
      optimizer: (stage) => ({
        applyGradients: () => {
          if (stage.index === 2) throw new Error('out of memory.');
        },
      }),
    });
    const error = await pipeline.step(tinyBatch(0)).catch((e: Error) => e);
    expect((error as Error).message).toBe(
      'Step 1 stopped at stage 2: out of memory. Weights may have been changed on some stages: ' +
        'go on from the last whole checkpoint.',
    );
    await pipeline.close();
  });

  it('compares settings before the first step', async () => {
    const pipeline = await create({stages: 2});
    const [link] = pipeline.links;
    pipeline.trainers.forEach((trainer) => trainer.dispose());
    const common = {optimizer: tinyOptimizer(), vocabSize: VOCAB, microbatches: 4};
    const first = new StageTrainer({
      ...common,
      stage: pipeline.stages[0],
      next: link.atSender,
      wire: 'float32',
    });
    const second = new StageTrainer({
      ...common,
      stage: pipeline.stages[1],
      previous: link.atReceiver,
      wire: 'bfloat16',
    });
    const results = await Promise.allSettled([first.step(tinyBatch(0)), second.step(tinyBatch(0))]);
    for (const result of results) {
      expect(((result as PromiseRejectedResult).reason as Error).message).toMatch(
        /stages 0 and 1 differ in 'wire': "float32" and "bfloat16"/,
      );
    }
    await pipeline.close();
  });

  it('refuses a model that wants more than the token ids', async () => {
    const inputs = ['ids', 'positions'].map((name) =>
      tfl.input({shape: [null], dtype: 'int32', name}),
    );
    const [x, late] = inputs.map((input) =>
      tfl.layers.embedding({inputDim: VOCAB, outputDim: 4}).apply(input),
    ) as tfl.SymbolicTensor[];
    const hidden = tfl.layers.dense({name: 'hidden', units: 4}).apply(x) as tfl.SymbolicTensor;
    const sum = tfl.layers.add({name: 'sum'}).apply([hidden, late]);
    const head = tfl.layers.dense({units: VOCAB}).apply(sum) as tfl.SymbolicTensor;
    const model = tfl.model({inputs, outputs: head});
    const args = {optimizer: () => tinyOptimizer(), microbatches: 2, vocabSize: VOCAB};
    await expectAsync(
      InProcessPipeline.create({...args, model, stages: ['sum']}),
    ).toBeRejectedWithError(/the model has 2 inputs \('ids', 'positions'\), expected one/);
  });

  it('refuses to be made wrongly', async () => {
    const [stage] = splitModel(tinyModel(), {stages: 4});
    const args = {stage, optimizer: tinyOptimizer(), microbatches: 4, vocabSize: VOCAB};
    expect(() => new StageTrainer(args)).toThrowError(/stage 0 of 4 needs a channel 'next'/);
    expect(() => new StageTrainer({...args, schedule: 'dualpipe'})).toThrowError(
      /'dualpipe' is not known: expected one of gpipe, 1f1b/,
    );
    expect(() => new StageTrainer({...args, wire: 'bfloat61'})).toThrowError(/bfloat16/);
    expect(() => new StageTrainer({...args, microbatches: 0})).toThrowError(
      /microbatches is 0, expected a whole number/,
    );
    const pipeline = await create({stages: 1, microbatches: 1});
    const running = pipeline.step(tinyBatch(0));
    expect((await pipeline.step(tinyBatch(0)).catch((e: Error) => e)) as Error).toMatch(
      /still running; await it first/ as never,
    );
    await running;
    await expectAsync(pipeline.evaluate([])).toBeRejectedWithError(/got no batches/);
    await pipeline.close();
  });
});
