/** Ends of legs that know different things when their stages meet: codebooks, or what was sent of each sequence. */
import path from 'node:path';
import {
  checkpointFormat,
  StageTrainer,
  type InProcessPipeline,
  type LegSpecs,
  type StageTrainerArgs,
} from '../../src/pipeline/index.js';
import {usePipelines} from './support/pipelines.js';
import {BATCH, TIME, tinyBatch, tinyModel, VOCAB, weightValues} from './support/tiny.js';

const RVQ = {codec: 'rvq', groups: 2, rounds: 2, codes: 5, warmupSteps: 1};
const PLAIN = {codec: 'bfloat16'};
/** All codes, with the first microbatch: two rounds of five codes of rank 4 in bfloat16. */
const WHOLE = [2 * 5 * 4 * 2, 0];

const AQ = {codec: 'aq-sgd', bits: 4};
/** What is remembered of the sequences of a step, the first time that they come again: rank 4 in bfloat16. */
const MEMORY = Array<number>(2).fill(BATCH * TIME * 4 * 2);

describe('codecs of two stages that meet', () => {
  const runs = usePipelines();
  let others: StageTrainer[];

  beforeEach(() => (others = []));
  afterEach(() => others.forEach((trainer) => trainer.dispose()));

  const settings = (legs: LegSpecs) => ({microbatches: 4, vocabSize: VOCAB, seed: 3, legs});

  async function create(legs: LegSpecs) {
    const model = tinyModel();
    const pipeline = await runs.create({model, stages: 2, ...settings(legs)});
    return {pipeline, format: checkpointFormat(model)};
  }

  /** Trains all stages, and tells losses and the bytes of each leg. */
  async function train(trainers: StageTrainer[], from: number, to: number) {
    const losses: number[] = [];
    const bytes: number[] = [];
    for (let step = from; step < to; step++) {
      const [first, second] = await Promise.all(
        trainers.map((trainer) => trainer.step(tinyBatch(step % 3))),
      );
      losses.push(first.loss);
      bytes.push(first.forward.activations + second.backward.gradients);
    }
    return {losses, bytes};
  }

  const weights = ({stages}: InProcessPipeline) =>
    weightValues(stages.flatMap((stage) => stage.weights));

  /** Another trainer in place of one, as of a process that was started again; the weights stay. */
  function replace(pipeline: InProcessPipeline, index: number, legs: LegSpecs): StageTrainer[] {
    const {trainers, stages, links} = pipeline;
    const old = trainers[index];
    old.dispose();
    const line: Partial<StageTrainerArgs> =
      index === 0 ? {next: links[0].atSender} : {previous: links[0].atReceiver};
    const made = new StageTrainer({
      ...settings(legs),
      ...line,
      stage: stages[index],
      optimizer: old.optimizer,
      step: old.nextStep,
    });
    others.push(made);
    return trainers.map((trainer, i) => (i === index ? made : trainer));
  }

  for (const [leg, legs, receiver, more] of [
    ['rvq, forward leg', {forward: RVQ, backward: PLAIN}, 1, WHOLE],
    ['rvq, backward leg', {forward: PLAIN, backward: RVQ}, 0, WHOLE],
    ['aq-sgd, forward leg', {forward: AQ, backward: PLAIN}, 1, MEMORY],
    ['aq-sgd, backward leg', {forward: PLAIN, backward: AQ}, 0, MEMORY],
  ] as const) {
    it(`${leg}: a new receiver gets what it lacks, and nothing else changes`, async () => {
      const {pipeline: whole} = await create(legs);
      await train(whole.trainers, 0, 4);
      const expected = await train(whole.trainers, 4, 6);
      const {pipeline} = await create(legs);
      await train(pipeline.trainers, 0, 4);
      const trainers = replace(pipeline, receiver, legs);
      trainers.forEach((trainer) => trainer.restart(4));
      const seen = await train(trainers, 4, 6);
      expect(seen.losses).toEqual(expected.losses);
      expect(await weights(pipeline)).toEqual(await weights(whole));
      expect(seen.bytes).toEqual(expected.bytes.map((bytes, i) => bytes + more[i]));
    });

    it(`${leg}: a sender set back to an older checkpoint brings its receiver along`, async () => {
      const {pipeline, format} = await create(legs);
      await train(pipeline.trainers, 0, 2);
      const target = path.join(runs.folder, 'step-000002');
      await pipeline.save({format, target});
      const expected = await train(pipeline.trainers, 2, 4);
      const after = await weights(pipeline);
      // The receiver is ahead of the sender, with codebooks at version 12 and 4 for instance; and the other way round.
      await pipeline.load(target, format);
      expect(await train(pipeline.trainers, 2, 4)).toEqual(expected);
      expect(await weights(pipeline)).toEqual(after);
      const trainers = replace(pipeline, receiver, legs);
      await Promise.all(trainers.map((trainer) => trainer.load(target, format)));
      expect(await train(trainers, 2, 4)).toEqual(expected);
      expect(await weights(pipeline)).toEqual(after);
    });
  }

  for (const codec of [RVQ, AQ])
    it(`${codec.codec}: meet again before an evaluation too, which carries all that is needed and moves none`, async () => {
      const legs = {forward: codec, backward: PLAIN};
      const {pipeline} = await create(legs);
      await train(pipeline.trainers, 0, 3);
      const batches = [tinyBatch(1)];
      const expected = await pipeline.evaluate(batches);
      const trainers = replace(pipeline, 1, legs);
      trainers.forEach((trainer) => trainer.restart(3));
      const losses = await Promise.all(trainers.map((trainer) => trainer.evaluate(batches)));
      expect(losses).toEqual([expected, expected]);
    });
});
