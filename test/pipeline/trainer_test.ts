import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {sparseCrossEntropy} from '../../src/ops/index.js';
import {
  InProcessNetwork,
  InProcessPipeline,
  type InProcessArgs,
  type StageOptimizer,
  type StepMetrics,
} from '../../src/pipeline/index.js';
import {
  tinyBatch,
  tinyModel,
  tinyOptimizer,
  tinyPipeline,
  VOCAB,
  weightValues,
} from './support/tiny.js';

type Run = {metrics: StepMetrics[][]; weights: {[name: string]: number[]}};

/** Trains a fresh tiny model for some steps in this process. */
async function run(args: Partial<InProcessArgs> & {steps?: number} = {}): Promise<Run> {
  const {steps = 3, ...rest} = args;
  const pipeline = await tinyPipeline(rest);
  const metrics: StepMetrics[][] = [];
  for (let step = 0; step < steps; step++) {
    metrics.push(await pipeline.step(tinyBatch(step)));
  }
  const weights = await weightValues(pipeline.stages.flatMap((stage) => stage.weights));
  await pipeline.close();
  pipeline.trainers.forEach(({optimizer}) => (optimizer as Partial<tf.Optimizer>).dispose?.());
  return {metrics, weights};
}

const losses = ({metrics}: Run) => metrics.map(([{loss}]) => loss);
const norms = ({metrics}: Run) => metrics.map(([{gradNorm}]) => gradNorm);

/** Gives the gradients instead of using them. */
class Recorder implements StageOptimizer {
  readonly seen: {[name: string]: number[]} = {};
  applyGradients(gradients: tf.NamedTensorMap): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      this.seen[name] = Array.from(gradient.dataSync());
    }
  }
}

/** Loss and gradients of the whole model on the whole batch. */
function wholeModel(model: tfl.LayersModel): {loss: number; grads: {[name: string]: number[]}} {
  const {ids, targets, shape} = tinyBatch(0);
  return tf.tidy(() => {
    const x = tf.tensor2d(ids as Int32Array, shape as [number, number], 'int32');
    const y = tf.tensor2d(targets as Int32Array, shape as [number, number], 'int32');
    const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
    const {value, grads} = tf.variableGrads(
      () => sparseCrossEntropy(model.apply(x, {training: true}) as tf.Tensor, y) as tf.Scalar,
      variables,
    );
    const entries = Object.entries(grads).map(([k, g]) => [k, Array.from(g.dataSync())] as const);
    return {loss: value.dataSync()[0], grads: Object.fromEntries(entries)};
  });
}

describe('StageTrainer', () => {
  it('gives the loss and the gradients of the whole model', async () => {
    const model = tinyModel();
    const expected = wholeModel(model);
    const recorders: Recorder[] = [];
    const optimizer = () => recorders[recorders.push(new Recorder()) - 1];
    const {metrics} = await run({model, optimizer, wire: 'float32', steps: 1});
    const seen = Object.assign({}, ...recorders.map((recorder) => recorder.seen));
    expect(Object.keys(seen).sort()).toEqual(Object.keys(expected.grads).sort());
    let squares = 0;
    for (const [name, values] of Object.entries(expected.grads)) {
      values.forEach((value, i) => {
        expect(Math.abs(seen[name][i] - value))
          .withContext(name)
          .toBeLessThan(1e-6);
        squares += value * value;
      });
    }
    for (const {loss, gradNorm, tokens} of metrics[0]) {
      expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-6);
      expect(Math.abs(gradNorm - Math.sqrt(squares))).toBeLessThan(1e-5);
      expect(tokens).toBe(48);
    }
  });

  it('learns, and gives the same bits under every schedule, stored or recomputed', async () => {
    const one = await run({steps: 12});
    expect(losses(one)[11]).toBeLessThan(0.85 * losses(one)[0]);
    const all = await run({steps: 12, schedule: 'gpipe'});
    const again = await run({steps: 12, recompute: true});
    for (const other of [all, again]) {
      expect(losses(other)).toEqual(losses(one));
      expect(norms(other)).toEqual(norms(one));
      expect(other.weights).toEqual(one.weights);
    }
    expect(one.metrics[0].map(({peakInFlight}) => peakInFlight)).toEqual([4, 3, 2, 1]);
    expect(all.metrics[0].map(({peakInFlight}) => peakInFlight)).toEqual([4, 4, 4, 4]);
    // Memory follows: what stage 2 holds under 1F1B is half of what it holds under GPipe.
    const held = ({metrics}: Run, stage: number) => metrics[1][stage].peakHeldBytes;
    expect(held(one, 2)).toBe(held(all, 2) / 2);
    expect(held(again, 0)).toBeLessThan(held(one, 0) / 10);
  });

  it('gives the loss of the uncompressed model with r = d and zero anchors', async () => {
    const plain = await run({model: tinyModel(null), wire: 'float32', steps: 1});
    const full = await run({model: tinyModel({rank: 8}), wire: 'float32', steps: 1});
    expect(Math.abs(losses(full)[0] - losses(plain)[0])).toBeLessThan(1e-6);
    const half = await run({wire: 'float32', steps: 1});
    expect(Math.abs(losses(half)[0] - losses(plain)[0])).toBeGreaterThan(1e-3);
  });

  it('bills exactly the bytes that cross', async () => {
    const pipeline = await tinyPipeline();
    const sums = pipeline.links.map(() => ({forward: [0, 0], backward: [0, 0]}));
    const hello = pipeline.links.map(({atSender, atReceiver}) => [
      atSender.stats().bytesOut,
      atReceiver.stats().bytesOut,
    ]);
    for (let step = 0; step < 3; step++) {
      const metrics = await pipeline.step(tinyBatch(step));
      pipeline.links.forEach((_, p) => {
        const {forward} = metrics[p];
        const {backward} = metrics[p + 1];
        // 48 tokens: z of rank 4 in bfloat16 and two bytes of id each; the projector is [8, 4].
        expect(forward.activations).toBe(48 * 4 * 2);
        expect(forward.ids).toBe(48 * 2);
        expect(forward.gradients).toBe(0);
        expect(forward.projectors).toBe(8 * 4 * 2);
        expect(backward.gradients).toBe(48 * 4 * 2);
        expect(backward.projectors).toBe(8 * 4 * 2);
        expect(backward.activations + backward.ids).toBe(0);
        for (const [leg, sum] of [
          [forward, sums[p].forward],
          [backward, sums[p].backward],
        ] as const) {
          expect(leg.payload).toBe(leg.activations + leg.ids + leg.gradients + leg.projectors);
          expect(leg.line).toBeGreaterThanOrEqual(0);
          sum[0] += leg.payload;
          sum[1] += leg.payload + leg.overhead + leg.line;
        }
      });
      expect(metrics[0].backward.payload + metrics[3].forward.payload).toBe(0);
    }
    pipeline.links.forEach(({atSender, atReceiver}, p) => {
      const start = [
        pipeline.trainers[p].startBytes!.forward,
        pipeline.trainers[p + 1].startBytes!.backward,
      ];
      const total = (leg: {payload: number; overhead: number; line: number}) =>
        leg.payload + leg.overhead + leg.line;
      expect(atSender.stats().payloadOut).toBe(sums[p].forward[0] + start[0].payload);
      expect(atReceiver.stats().payloadIn).toBe(sums[p].forward[0] + start[0].payload);
      expect(atReceiver.stats().payloadOut).toBe(sums[p].backward[0] + start[1].payload);
      expect(start[0].payload).toBe(8 * 4 * 2);
      // Credit for the last frames may follow the last bill.
      const late = (bytes: number, billed: number) => {
        expect(bytes - billed).toBeGreaterThanOrEqual(0);
        expect(bytes - billed).toBeLessThan(400);
      };
      late(atSender.stats().bytesOut, hello[p][0] + sums[p].forward[1] + total(start[0]));
      late(atReceiver.stats().bytesOut, hello[p][1] + sums[p].backward[1] + total(start[1]));
    });
    await pipeline.close();
  });

  it('sends no ids and no projectors where none are needed', async () => {
    const {metrics} = await run({model: tinyModel(null), steps: 1, stages: 2});
    expect(metrics[0][0].forward.activations).toBe(48 * 8 * 2);
    expect(metrics[0][0].forward.ids + metrics[0][0].forward.projectors).toBe(0);
    const fixed = await run({model: tinyModel({projector: 'fixed'}), steps: 1});
    expect(fixed.metrics[0][0].forward.projectors + fixed.metrics[0][1].backward.projectors).toBe(
      0,
    );
  });

  it('keeps the master in float32 and uses one rounded copy on both ends', async () => {
    const pipeline = await tinyPipeline({microbatches: 2});
    for (let step = 0; step < 2; step++) {
      await pipeline.step(tinyBatch(step));
      for (let p = 0; p < 3; p++) {
        const encoder = pipeline.stages[p].encoder!;
        const sender = Array.from(await encoder.wireProjector.read().data());
        const decoder = pipeline.stages[p + 1].decoder!;
        expect(Array.from(await decoder.wireProjector.read().data())).toEqual(sender);
        const master = Array.from(await encoder.boundary.projector.read().data());
        expect(sender).not.toEqual(master);
        sender.forEach((value, i) => expect(Math.abs(value - master[i])).toBeLessThan(2 ** -8));
      }
    }
    await pipeline.close();
  });

  it('evaluates: the mean loss of the whole model, between steps, changing nothing', async () => {
    const model = tinyModel();
    const expected = wholeModel(model);
    const pipeline = await tinyPipeline({model, wire: 'float32'});
    const loss = await pipeline.evaluate([tinyBatch(0)]);
    expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-6);
    const before = tf.memory().numTensors;
    // Eleven sequences: more batches than are taken ahead, of sizes that four does not divide.
    const several = await pipeline.evaluate(
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => tinyBatch(i, 1 + (i % 3))),
    );
    expect(several).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(before);
    const [{step, loss: trained}] = await pipeline.step(tinyBatch(0));
    expect(step).toBe(1);
    expect(Math.abs(trained - expected.loss)).toBeLessThan(1e-6);
    expect(await pipeline.evaluate([tinyBatch(0)])).not.toBe(loss);
    await pipeline.close();
  });

  it('trains one stage without any channel', async () => {
    const {metrics} = await run({stages: 1, steps: 5});
    expect(metrics[4][0].loss).toBeLessThan(metrics[0][0].loss);
    expect(metrics[0][0].forward.payload + metrics[0][0].backward.payload).toBe(0);
  });

  it('refuses arguments that are missing or that nothing reads, and closes its lines', async () => {
    const create = InProcessPipeline.create as (args?: object) => Promise<unknown>;
    await expectAsync(create()).toBeRejectedWithError(/create: the argument is missing/);
    const network = new InProcessNetwork();
    const model = tinyModel();
    const right = {model, stages: 2, microbatches: 2, vocabSize: VOCAB, network};
    await expectAsync(create(right)).toBeRejectedWithError(/optimizer is missing, expected one/);
    const misspelt = {...right, optimizer: tinyOptimizer, microbatch: 4};
    const message = /StageTrainer: unknown key 'microbatch', did you mean 'microbatches'/;
    await expectAsync(create(misspelt)).toBeRejectedWithError(message);
    // The same addresses are free again.
    const pipeline = await InProcessPipeline.create({...right, optimizer: tinyOptimizer});
    expect((await pipeline.step(tinyBatch(0)))[0].loss).toBeGreaterThan(0);
    await pipeline.close();
    model.dispose();
  });

  it('leaks nothing over 200 steps', async () => {
    const pipeline = await tinyPipeline({stages: 2, microbatches: 2});
    const counts: number[] = [];
    const bytes: number[] = [];
    for (let step = 0; step < 200; step++) {
      const [first] = await pipeline.step(tinyBatch(step, 2));
      counts.push(first.numTensors);
      bytes.push(tf.memory().numBytes);
    }
    expect(new Set(counts.slice(2)).size).toBe(1);
    expect(new Set(bytes.slice(2)).size).toBe(1);
    await pipeline.close();
  });
});
