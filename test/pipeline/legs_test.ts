import * as fs from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {getLegCodec, getMethod, registerLegCodec, type LegSpec} from '../../src/codecs/index.js';
import {
  checkpointFormat,
  splitModel,
  StageTrainer,
  type InProcessPipeline,
  type LegSpecs,
} from '../../src/pipeline/index.js';
import {legRows, rowName} from '../codecs/support/leg_rows.js';
import {usePipelines, type PipelineArgs} from './support/pipelines.js';
import {referenceSplit} from './support/reference_split.js';
import {tinyBatch, tinyModel, tinyOptimizer, VOCAB, weightValues} from './support/tiny.js';

const PLAIN: LegSpec = {codec: 'bfloat16'};

type Mapl = NonNullable<Parameters<typeof tinyModel>[0]>;

/** The codec on one leg, and on the other. */
function pairings(codec: LegSpec): LegSpecs[] {
  return [
    {forward: codec, backward: PLAIN},
    {forward: PLAIN, backward: codec},
  ];
}

describe('legs of a split run', () => {
  const pipelines = usePipelines();
  const create = (args: Partial<PipelineArgs> = {}) =>
    pipelines.create({model: tinyModel(), stages: 3, ...args});

  const weights = (pipeline: InProcessPipeline) =>
    weightValues(pipeline.stages.flatMap((stage) => stage.weights));

  /** Steps over two batches in turn: sequences come again. */
  async function train(pipeline: InProcessPipeline, from: number, to: number): Promise<number[]> {
    const losses: number[] = [];
    for (let step = from; step < to; step++) {
      losses.push((await pipeline.step(tinyBatch(step % 2)))[0].loss);
    }
    return losses;
  }

  for (const row of legRows) {
    const spec: LegSpec = {codec: row.codec, ...row.options};

    it(`${rowName(row)}: split equals whole`, async () => {
      for (const legs of pairings(spec)) {
        const learningRate = 0.1;
        const run = {stages: 3, microbatches: 4, seed: 11};
        const expected = await referenceSplit({...legs, ...run, steps: 3, learningRate});
        for (const schedule of legs.forward === spec ? ['1f1b', 'gpipe'] : ['1f1b']) {
          const model = tinyModel(null);
          const optimizer = () => tf.train.sgd(learningRate);
          const pipeline = await create({...run, model, optimizer, legs, schedule});
          const losses = await train(pipeline, 0, 3);
          losses.forEach((loss, i) =>
            expect(Math.abs(loss - expected.losses[i])).toBeLessThan(1e-6),
          );
          expect(await weights(pipeline)).toEqual(expected.weights);
        }
      }
    });

    it(`${rowName(row)}: resumes bit for bit behind projections, in the bytes declared`, async () => {
      for (const legs of pairings(spec)) {
        const model = tinyModel();
        const pipeline = await create({model, legs, seed: 3});
        await train(pipeline, 0, 2);
        const metrics = await pipeline.step(tinyBatch(0));
        // Four microbatches of two sequences of six tokens.
        const bytes = 4 * row.bytes(12, 4, 2);
        const {activations} = metrics[0].forward;
        const {gradients} = metrics[1].backward;
        const [own, other] =
          legs.forward === spec ? [activations, gradients] : [gradients, activations];
        expect(own).toBe(bytes);
        expect(other).toBe(48 * 4 * 2);
        const target = path.join(pipelines.folder, 'step-000003');
        await pipeline.save({format: checkpointFormat(model), target});
        const losses = await train(pipeline, 3, 5);
        const expected = await weights(pipeline);

        const copy = tinyModel();
        const again = await create({model: copy, legs, seed: 3});
        await train(again, 0, 1);
        await again.load(target, checkpointFormat(copy));
        const [first] = await train(again, 3, 4);
        const loss = await again.evaluate([tinyBatch(1), tinyBatch(5)]);
        expect(await again.evaluate([tinyBatch(1), tinyBatch(5)])).toBe(loss);
        expect([first, ...(await train(again, 4, 5))]).toEqual(losses);
        expect(await weights(again)).toEqual(expected);
        fs.rmSync(target, {recursive: true});
      }
    });
  }

  it('sends keys of sequences where ids do not travel', async () => {
    const legs = {forward: {codec: 'aq-sgd'}, backward: PLAIN};
    const plain = await create({model: tinyModel(null), legs});
    const [metrics] = await plain.step(tinyBatch(0));
    expect(metrics.forward.ids).toBe(8 * 8);
    const behind = await create({legs});
    expect((await behind.step(tinyBatch(0)))[0].forward.ids).toBe(48 * 2);
    const measured = await behind.trainers[0].measureLegs();
    expect(measured['boundary.0.forward.sender.sequences']).toBe(8);
  });

  it('load no state of other legs, or of another number of stages', async () => {
    const model = tinyModel();
    const aq: LegSpecs = {forward: {codec: 'aq-sgd', bits: 4}, backward: PLAIN};
    const pipeline = await create({model, legs: aq});
    await train(pipeline, 0, 1);
    const target = path.join(pipelines.folder, 'step-000001');
    await pipeline.save({format: checkpointFormat(model), target});
    const load = async (args: Partial<PipelineArgs>) => {
      const copy = tinyModel();
      const other = await create({model: copy, ...args});
      return other.load(target, checkpointFormat(copy));
    };
    await expectAsync(
      load({legs: {forward: {codec: 'aq-sgd', bits: 8}, backward: PLAIN}}),
    ).toBeRejectedWithError(
      /the state of 'boundary.\d.forward.\w+' is of bits 4, expected 8: resume with the codecs/,
    );
    await expectAsync(
      load({legs: {forward: {codec: 'int8', errorFeedback: true}, backward: PLAIN}}),
    ).toBeRejectedWithError(/'boundary.\d.forward.sender' is of codec "aq-sgd", expected "int8"/);
    await expectAsync(
      load({legs: {forward: PLAIN, backward: {codec: 'int8', errorFeedback: true}}}),
    ).toBeRejectedWithError(
      /has no state of 'boundary.\d.backward.sender', which codec 'int8' needs/,
    );
    await expectAsync(load({legs: aq, stages: 4})).toBeRejectedWithError(
      /has no state of 'boundary.2.forward.\w+'/,
    );
    // An option that came after the checkpoint has its default; one that is no more is named.
    const stateFile = path.join(target, 'trainer_state.json');
    const state = fs.readFileSync(stateFile, 'utf8');
    fs.writeFileSync(
      stateFile,
      state.replace(/"memoryMB": ?1024,?/g, '').replace(/,(\s*})/g, '$1'),
    );
    expect((await load({legs: aq})).step).toBe(1);
    fs.writeFileSync(stateFile, state.replaceAll('"memoryMB"', '"megabytes"'));
    await expectAsync(load({legs: aq})).toBeRejectedWithError(/memoryMB undefined|megabytes 1024/);
    fs.writeFileSync(stateFile, state);
    fs.rmSync(path.join(target, 'legs-00002-of-00003.safetensors'));
    await expectAsync(load({legs: aq})).toBeRejectedWithError(/legs-00002-of-00003.safetensors/);
    // Legs without state take from any checkpoint.
    expect((await load({})).step).toBe(1);
  });

  describe('before the first step', () => {
    /** The error of both trainers when the two ends of a boundary are made with different arguments. */
    async function differ(
      sender: Partial<PipelineArgs>,
      receiver: Partial<PipelineArgs>,
    ): Promise<string> {
      const pipeline = await create({stages: 2, ...(sender.model && {model: sender.model})});
      const [link] = pipeline.links;
      pipeline.trainers.forEach((trainer) => trainer.dispose());
      const common = {vocabSize: VOCAB, microbatches: 4};
      const optimizers = [tinyOptimizer(), tinyOptimizer()];
      const before = await weights(pipeline);
      const [stage, own] = pipeline.stages;
      const model = receiver.model as tfl.LayersModel | undefined;
      const other = model == null ? own : splitModel(model, {stages: 2})[1];
      const settings = ({legs, seed, method}: Partial<PipelineArgs>) => ({
        ...{legs, seed, method},
        ...common,
      });
      const first = new StageTrainer({
        ...settings(sender),
        stage,
        optimizer: optimizers[0],
        next: link.atSender,
      });
      bump();
      const second = new StageTrainer({
        ...settings(receiver),
        stage: other,
        optimizer: optimizers[1],
        previous: link.atReceiver,
      });
      const results = await Promise.allSettled(
        [first, second].map((trainer) => trainer.step(tinyBatch(0))),
      );
      const messages = results.map((r) => ((r as PromiseRejectedResult).reason as Error).message);
      expect(messages[0]).toBe(messages[1]);
      expect(await weights(pipeline)).toEqual(before);
      [first, second].forEach((trainer) => trainer.dispose());
      optimizers.forEach((optimizer) => optimizer.dispose());
      return messages[0];
    }
    let bump: () => void;
    beforeEach(() => (bump = () => undefined));

    it('refuses two codecs, by name', async () => {
      for (const {codec} of legRows.filter((row) => row.codec !== 'bfloat16')) {
        const message = await differ(
          {legs: {forward: {codec}, backward: PLAIN}},
          {legs: {forward: PLAIN, backward: PLAIN}},
        );
        expect(message).toContain(
          `stages 0 and 1 differ in 'forward leg': "${codec}" and "bfloat16"`,
        );
      }
      const message = await differ(
        {legs: {forward: PLAIN, backward: PLAIN}},
        {legs: {forward: PLAIN, backward: {codec: 'int8'}}},
      );
      expect(message).toContain(`differ in 'backward leg': "bfloat16" and "int8"`);
    });

    it('refuses two versions, by name', async () => {
      const name = 'test:versions';
      let version = 1;
      const plain = getLegCodec('bfloat16');
      registerLegCodec({
        name,
        get version() {
          return version;
        },
        create: () => plain.create(),
      });
      bump = () => (version = 2);
      const legs = {forward: {codec: name}, backward: PLAIN};
      expect(await differ({legs}, {legs})).toContain(`differ in 'forward leg, version': 1 and 2`);
    });

    it('refuses two ranks and two kinds of boundary, by name', async () => {
      const model = () => tinyModel();
      const others: Array<[tfl.LayersModel, string]> = [
        [tinyModel({rank: 3}), `'rank, or width of a plain cut': 4 and 3`],
        [tinyModel({projector: 'fixed'}), `'projector': "trained" and "fixed"`],
        [tinyModel({kind: 'resbm', anchors: 'none'}), `'projector': "trained" and "none"`],
      ];
      for (const [other, message] of others) {
        expect(await differ({model: model()}, {model: other})).toContain(
          `stages 0 and 1 differ in ${message}`,
        );
      }
    });

    it('refuses other settings of a boundary, by name, where the tensors are alike', async () => {
      const rvq = (codes: number) => ({quantizer: {groups: 2, rounds: 2, codes}});
      const ssn = {kind: 'subspace', anchors: 'static', projector: 'fixed'} as const;
      const others: Array<[Mapl, Mapl, string]> = [
        [{}, {anchors: 'none'}, `'boundary, anchors': "factorised" and "none"`],
        [{}, {anchors: 'full'}, `'boundary, senderAnchors, anchorRank': 4 and 8`],
        [{}, {anchorRank: 3}, `'boundary, senderAnchors, anchorRank': 4 and 3`],
        [{}, {projector: 'unconstrained'}, `'boundary, constrained': true and false`],
        [ssn, {projector: 'fixed'}, `'boundary, senderAnchors, anchorRank': 8 and 4`],
        [
          {anchors: 'static'},
          {anchors: 'full'},
          `'boundary, senderAnchors, initializerRange': 1 and 0`,
        ],
        [ssn, {...ssn, seed: 9}, `'boundary, seed': `],
        [{kind: 'resbm'}, {kind: 'resbm', seed: 9}, `'boundary, seed': `],
        [rvq(8), rvq(16), `'boundary, quantizer, codes': 8 and 16`],
        [rvq(8), {}, `'boundary, quantizer': "ResidualVectorQuantizer" and nothing`],
      ];
      for (const [one, other, message] of others) {
        expect(await differ({model: tinyModel(one)}, {model: tinyModel(other)})).toContain(
          `stages 0 and 1 differ in ${message}`,
        );
      }
    });

    it('refuses two methods, by name, and a method where the other end has named none', async () => {
      const legs = {forward: PLAIN, backward: PLAIN};
      expect(await differ({legs, method: 'mapl'}, {legs, method: 'fixed'})).toContain(
        `stages 0 and 1 differ in 'method': "mapl" and "fixed"`,
      );
      expect(await differ({legs, method: 'mapl'}, {legs})).toContain(
        `stages 0 and 1 differ in 'method': "mapl" and nothing`,
      );
      const mapl = getMethod('mapl') as {version: number};
      const {version} = mapl;
      bump = () => (mapl.version = version + 1);
      try {
        expect(await differ({legs, method: 'mapl'}, {legs, method: 'mapl'})).toContain(
          `differ in 'method, version': ${version} and ${version + 1}`,
        );
      } finally {
        mapl.version = version;
      }
      await expectAsync(create({method: 'mappl'})).toBeRejectedWithError(
        /unknown compression method 'mappl'. Did you mean 'mapl'/,
      );
    });

    it('refuses codebooks of other groups, rounds, numbers of codes or slices, by name', async () => {
      const rvq = {codec: 'rvq', groups: 2, rounds: 2, codes: 8};
      const other: Array<[object, string]> = [
        [{groups: 4}, `groups': 2 and 4`],
        [{rounds: 1}, `rounds': 2 and 1`],
        [{codes: 16}, `codes': 8 and 16`],
        [{slices: 4}, `slices': 8 and 4`],
        [{scale: 'token'}, `scale': "none" and "token"`],
      ];
      for (const [change, message] of other) {
        const changed = {...rvq, ...change};
        expect(
          await differ(
            {legs: {forward: rvq, backward: PLAIN}},
            {legs: {forward: changed, backward: PLAIN}},
          ),
        ).toContain(`stages 0 and 1 differ in 'forward leg, ${message}`);
        expect(
          await differ(
            {legs: {forward: PLAIN, backward: rvq}},
            {legs: {forward: PLAIN, backward: changed}},
          ),
        ).toContain(`stages 0 and 1 differ in 'backward leg, ${message}`);
      }
    });

    it('refuses other options and other seeds, by name', async () => {
      const other: Array<[LegSpec, LegSpec, string]> = [
        [{codec: 'float16'}, {codec: 'float16', scaled: false}, `scaled': true and false`],
        [{codec: 'int8'}, {codec: 'int8', stochastic: true}, `stochastic': false and true`],
        [{codec: 'int4'}, {codec: 'int4', group: 64}, `group': 32 and 64`],
        [{codec: 'top-k'}, {codec: 'top-k', share: 0.2}, `share': 0.1 and 0.2`],
        [{codec: 'aq-sgd'}, {codec: 'aq-sgd', bits: 2}, `bits': 4 and 2`],
      ];
      for (const [a, b, message] of other) {
        const seen = await differ(
          {legs: {forward: PLAIN, backward: a}},
          {legs: {forward: PLAIN, backward: b}},
        );
        expect(seen).toContain(`stages 0 and 1 differ in 'backward leg, ${message}`);
      }
      expect(await differ({seed: 1}, {seed: 2})).toContain(`differ in 'seed': 1 and 2`);
    });

    it('refuses codecs and options that do not exist, by name', () => {
      const [stage] = splitModel(tinyModel(), {stages: 1});
      const make = (legs: unknown) => () =>
        new StageTrainer({
          stage,
          optimizer: {applyGradients: () => undefined},
          microbatches: 1,
          vocabSize: VOCAB,
          legs: legs as LegSpecs,
        });
      expect(make({forward: {codec: 'int9'}, backward: PLAIN})).toThrowError(
        /unknown leg codec 'int9'. Did you mean 'int[48]'\? Known: float32, bfloat16/,
      );
      expect(make({forward: PLAIN, backward: 'int8'})).toThrowError(
        /legs.backward is "int8", expected an object with a codec/,
      );
      expect(make({forward: {codec: 'int8', bits: 3}, backward: PLAIN})).toThrowError(
        /leg codec 'int8' has no option 'bits'/,
      );
    });
  });
});
