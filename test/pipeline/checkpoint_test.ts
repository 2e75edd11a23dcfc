import * as fs from 'node:fs';
import path from 'node:path';

import * as tfl from '@tensorflow/tfjs-layers';
import {llama, loadLlama} from '../../src/models/llama/index.js';
import {
  beginCheckpoint,
  checkpointFormat,
  checkpointName,
  latestCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
  readCheckpoint,
  readState,
  splitModel,
  writeShard,
  type InProcessPipeline,
} from '../../src/pipeline/index.js';
import {usePipelines, type PipelineArgs} from './support/pipelines.js';
import {
  tinyBatch,
  tinyConfig,
  tinyModel,
  tinyOptimizer,
  VOCAB,
  weightValues,
} from './support/tiny.js';

describe('checkpoints', () => {
  const pipelines = usePipelines();
  const create = (args: Partial<PipelineArgs> = {}) =>
    pipelines.create({model: tinyModel(), stages: 4, ...args});

  const format = checkpointFormat;
  const weights = (pipeline: InProcessPipeline) =>
    weightValues(pipeline.stages.flatMap((stage) => stage.weights));

  async function train(pipeline: InProcessPipeline, from: number, to: number): Promise<number[]> {
    const losses: number[] = [];
    for (let step = from; step < to; step++) {
      losses.push((await pipeline.step(tinyBatch(step)))[0].loss);
    }
    return losses;
  }

  /** A pipeline trained for two steps and saved. */
  async function saved(): Promise<{
    model: tfl.LayersModel;
    pipeline: InProcessPipeline;
    folder: string;
  }> {
    const model = tinyModel();
    const pipeline = await create({model});
    await train(pipeline, 0, 2);
    const target = path.join(pipelines.folder, checkpointName(2));
    const folder = await pipeline.save({
      format: format(model),
      target,
      run: {position: 16, seed: 7},
    });
    expect(folder).toBe(target);
    return {model, pipeline, folder};
  }

  it('resume bit for bit, with the same and with another number of stages', async () => {
    const {pipeline, folder} = await saved();
    const losses = await train(pipeline, 2, 5);
    const expected = await weights(pipeline);

    const model = tinyModel();
    const same = await create({model});
    // Weights that are overwritten, and an optimizer that has been used, must leave no trace.
    await train(same, 0, 1);
    const state = await same.load(folder, format(model));
    expect(state as object).toEqual({step: 2, stages: 4, run: {position: 16, seed: 7}});
    expect(same.trainers[3].nextStep).toBe(2);
    expect(await train(same, 2, 5)).toEqual(losses);
    expect(await weights(same)).toEqual(expected);

    const other = tinyModel();
    const two = await create({model: other, stages: 2, wire: 'float32'});
    await two.load(folder, format(other));
    const [loss] = await train(two, 2, 3);
    expect(Math.abs(loss - losses[0])).toBeLessThan(1e-2);
  });

  it('are folders that loadLlama reads, with the files that Hugging Face expects', async () => {
    const {folder, pipeline} = await saved();
    const files = fs.readdirSync(folder).sort();
    const pad = (set: string, k: number) => `${set}-0000${k}-of-00004.safetensors`;
    expect(files).toEqual(
      [
        'config.json',
        'generation_config.json',
        ...['mapl', 'model', 'optimizer'].flatMap((set) => [1, 2, 3, 4].map((k) => pad(set, k))),
        'mapl.safetensors.index.json',
        'model.safetensors.index.json',
        'trainer_state.json',
      ].sort(),
    );
    const read = (file: string) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
    expect(read('config.json').architectures).toEqual(['LlamaForCausalLM']);
    const index = read('model.safetensors.index.json');
    expect(index.weight_map['model.layers.2.mlp.up_proj.weight']).toBe(pad('model', 3));
    expect(index.weight_map['lm_head.weight']).toBe(pad('model', 4));
    expect(Object.keys(index.weight_map).some((name) => name.startsWith('mapl'))).toBe(false);
    const whole = await loadLlama(folder);
    expect(await weightValues(whole.weights)).toEqual(await weights(pipeline));
    whole.dispose();
  });

  it('read back in a process that names variables differently', async () => {
    const {folder, pipeline} = await saved();
    const state = async (p: InProcessPipeline) => {
      const lists = await Promise.all(
        p.trainers.map(async ({optimizer}, i) => {
          const list = await optimizer.getWeights!();
          const values = await Promise.all(list.map(({tensor}) => tensor.data()));
          const [iter] = list;
          iter.tensor.dispose();
          const plain = new Map(p.stages[i].weights.map((w) => [w.name, w.originalName]));
          return list.map(({name}, j) => {
            const owner = [...plain.keys()].find((key) => name.startsWith(`${key}/`));
            const saved = owner == null ? name : plain.get(owner)! + name.slice(owner.length);
            return [saved, Array.from(values[j])] as const;
          });
        }),
      );
      return lists.map((list) => Object.fromEntries(list));
    };
    const before = await state(pipeline);
    expect(Object.keys(before[0]).length).toBeGreaterThan(10);
    const model = tinyModel();
    const again = await create({model});
    expect(again.stages[0].weights[0].name).not.toBe(pipeline.stages[0].weights[0].name);
    await again.load(folder, format(model));
    expect(await state(again)).toEqual(before);
  });

  it('survive an interrupted write', async () => {
    const {pipeline, model} = await saved();
    const half = await beginCheckpoint(path.join(pipelines.folder, checkpointName(4)));
    await writeShard(half, pipeline.stages[0], format(model), pipeline.trainers[0].optimizer);
    // A folder of the right name that was never completed, as another program might leave it.
    fs.mkdirSync(path.join(pipelines.folder, checkpointName(6)));
    expect(await listCheckpoints(pipelines.folder)).toEqual([
      {step: 2, folder: path.join(pipelines.folder, 'step-000002')},
    ]);
    expect((await latestCheckpoint(pipelines.folder))!.step).toBe(2);
    await expectAsync(
      readState(path.join(pipelines.folder, checkpointName(6))),
    ).toBeRejectedWithError(
      /step-000006 has no trainer_state.json: it is no checkpoint, or was not completed/,
    );
    expect(await latestCheckpoint(path.join(pipelines.folder, 'absent'))).toBeNull();
  });

  it('keep the last ones, and replace one of the same step', async () => {
    const {pipeline, model} = await saved();
    const save = (step: number, keep?: number) =>
      pipeline.save({
        format: format(model),
        target: path.join(pipelines.folder, checkpointName(step)),
        keep,
      });
    await train(pipeline, 2, 3);
    await save(3);
    await save(3);
    expect((await listCheckpoints(pipelines.folder)).map(({step}) => step)).toEqual([2, 3]);
    fs.mkdirSync(path.join(pipelines.folder, `${checkpointName(9)}.tmp-1-x`));
    await train(pipeline, 3, 4);
    await save(4, 2);
    expect(fs.readdirSync(pipelines.folder).sort()).toEqual(['step-000003', 'step-000004']);
    await expectAsync(pruneCheckpoints(pipelines.folder, 0)).toBeRejectedWithError(/keep is 0/);
  });

  it('fail on all stages when one cannot write, and leave older ones alone', async () => {
    const {pipeline, model} = await saved();
    const broken = pipeline.stages[2].weights[0];
    const {parameters, ...rest} = format(model);
    const partial = new Map(parameters);
    partial.delete(broken.originalName);
    const results = await Promise.allSettled(
      pipeline.trainers.map((trainer, p) =>
        trainer.save({
          format: p === 2 ? {...rest, parameters: partial} : format(model),
          target: path.join(pipelines.folder, checkpointName(3)),
        }),
      ),
    );
    for (const result of results) {
      expect(((result as PromiseRejectedResult).reason as Error).message).toMatch(
        /Step 2 stopped at stage 2: checkpoint: the format has no weight/,
      );
    }
    expect((await listCheckpoints(pipelines.folder)).map(({step}) => step)).toEqual([2]);
  });

  it('refuse damage, by name', async () => {
    const {folder} = await saved();
    const model = tinyModel();
    const stages = splitModel(model, {stages: 4});
    const read = (stage: number, optimizer = tinyOptimizer()) =>
      readCheckpoint(folder, stages[stage], format(model), optimizer).finally(() =>
        optimizer.dispose(),
      );
    await read(1);
    const file = (name: string) => path.join(folder, name);
    const shard = file('model-00002-of-00004.safetensors');
    const good = fs.readFileSync(shard);
    const reject = async (what: RegExp, stage = 1) =>
      expectAsync(read(stage)).toBeRejectedWithError(what);

    fs.writeFileSync(shard, good.subarray(0, good.length - 7));
    await reject(
      /model-00002-of-00004.safetensors.*truncated|model-00002-of-00004.safetensors.*bytes/,
    );
    fs.rmSync(shard);
    await reject(/model-00002-of-00004.safetensors/);
    fs.writeFileSync(shard, good);

    const edit = async (
      name: string,
      change: (json: Record<string, never>) => void,
      what: RegExp,
    ) => {
      const text = fs.readFileSync(file(name), 'utf8');
      const json = JSON.parse(text);
      change(json);
      fs.writeFileSync(file(name), JSON.stringify(json));
      await reject(what);
      fs.writeFileSync(file(name), text);
    };
    await edit(
      'config.json',
      (json) => Object.assign(json, {hidden_size: 16}),
      /config.json is of another model: hidden_size is 16, expected 8/,
    );
    await edit(
      'config.json',
      (json) => Object.assign(json.mapl, {rank: 2}),
      /config.json is of another model: mapl is .*"rank":2.*expected .*"rank":4/,
    );
    await edit(
      'trainer_state.json',
      (json) => Object.assign(json, {format: 99}),
      /trainer_state.json is of format 99, expected 1/,
    );
    await edit(
      'trainer_state.json',
      (json) => Object.assign(json, {files: {}}),
      /has no state of an optimizer: it can be started from, not resumed/,
    );

    // Header edits of the same length: another shape, another dtype.
    const patch = async (from: string, to: string, what: RegExp) => {
      const at = good.indexOf(from);
      expect(at).toBeGreaterThan(0);
      const bytes = Buffer.from(good);
      bytes.write(to, at);
      fs.writeFileSync(shard, bytes);
      await reject(what);
      fs.writeFileSync(shard, good);
    };
    await patch(
      '"shape":[12,8]',
      '"shape":[8,12]',
      /model-00002-of-00004.safetensors: tensor '.*' has shape \[8, 12\], expected \[12, 8\]/,
    );
    await patch('"dtype":"F32"', '"dtype":"I32"', /has dtype I32, expected F32, F16 or BF16/);
    fs.writeFileSync(file('config.json'), '{');
    await reject(/config.json is not JSON/);
  });

  it('work for models that are no LLaMA', async () => {
    const build = () => {
      const ids = tfl.input({shape: [null], dtype: 'int32', name: 'ids'});
      const embed = tfl.layers.embedding({name: 'embed', inputDim: VOCAB, outputDim: 6});
      const hidden = tfl.layers.dense({name: 'hidden', units: 6, activation: 'tanh'});
      const head = tfl.layers.dense({name: 'head', units: VOCAB});
      const x = hidden.apply(embed.apply(ids)) as tfl.SymbolicTensor;
      return tfl.model({inputs: ids, outputs: head.apply(x) as tfl.SymbolicTensor, name: 'plain'});
    };
    const model = build();
    const pipeline = await create({model, stages: 2});
    await train(pipeline, 0, 2);
    const target = path.join(pipelines.folder, checkpointName(2));
    await pipeline.save({format: format(model), target});
    const losses = await train(pipeline, 2, 4);
    const copy = build();
    const again = await create({model: copy, stages: 2});
    await again.load(target, format(copy));
    expect(await train(again, 2, 4)).toEqual(losses);
    const other = llama(tinyConfig(null));
    const [stage] = splitModel(other, {stages: 1});
    await expectAsync(readCheckpoint(target, stage, format(other))).toBeRejectedWithError(
      /config.json is of another model: model_type is "tfjs", expected "llama"/,
    );
  });
});
