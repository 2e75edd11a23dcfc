import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {inNode} from '../../../src/backends/backend.js';
import {encodeSafetensors, SafetensorsReader} from '../../../src/io/index.js';
import {llama, llamaConfigOf, loadLlama, saveLlama} from '../../../src/models/llama/index.js';
import {take, weightNames} from '../../layers/support.js';
import {fixturePath} from '../../support/fixture_path.js';
import {idsOf, tiny} from './support.js';

const rows = [
  [1, 2, 3],
  [10, 0, 4],
];

async function logitsOf(model: tfl.LayersModel): Promise<number[]> {
  const ids = idsOf(rows);
  const logits = await take(model.predict(ids) as tf.Tensor);
  ids.dispose();
  return Array.from(logits);
}

// Folders are written to disk, which browsers can't; reading by URL is tested with the fixture.
if (inNode()) {
  describe('saveLlama and loadLlama', () => {
    let folder = '';
    beforeAll(async () => {
      const {mkdtemp} = await import('node:fs/promises');
      const {tmpdir} = await import('node:os');
      folder = await mkdtemp(`${tmpdir()}/mapl-llama-`);
    });
    afterAll(async () => {
      const {rm} = await import('node:fs/promises');
      await rm(folder, {recursive: true});
    });

    const configs: [string, object][] = [
      ['untied', {}],
      ['tied', {tie_word_embeddings: true}],
      ['with biases', {attention_bias: true, mlp_bias: true}],
      ['with wide heads', {head_dim: 6}],
      ['with a scaled rope', {rope_scaling: {rope_type: 'linear', factor: 2}, rope_theta: 300}],
      ['with boundaries', {mapl: {stages: 2, rank: 3, anchorRank: 2}}],
      ['with bare boundaries', {mapl: {stages: 2, rank: 3, anchors: 'none', projector: 'fixed'}}],
    ];
    for (const [what, change] of configs) {
      it(`bring back a model ${what}, in one file and in shards`, async () => {
        const model = llama({...tiny, ...change});
        const expected = await logitsOf(model);
        for (const shards of [3, 1]) {
          await saveLlama(model, `${folder}/model`, {shards});
          const loaded = await loadLlama(`${folder}/model`);
          expect(await logitsOf(loaded)).toEqual(expected);
          expect(weightNames(loaded.weights)).toEqual(weightNames(model.weights));
          expect(llamaConfigOf(loaded)).toEqual(llamaConfigOf(model));
          loaded.dispose();
        }
        model.dispose();
      });
    }

    it('leave no files of an earlier save that would belie the new ones', async () => {
      const {readdir, writeFile} = await import('node:fs/promises');
      const path = `${folder}/again`;
      const first = llama({...tiny, mapl: {stages: 2, rank: 3}});
      await saveLlama(first, path, {shards: 2});
      await writeFile(`${path}/tokenizer.json`, '{}');
      const second = llama(tiny);
      await saveLlama(second, path);
      expect((await readdir(path)).sort()).toEqual([
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'tokenizer.json',
      ]);
      first.dispose();
      second.dispose();
    });

    it('keep the fixture as it is, bit for bit', async () => {
      const {readFile} = await import('node:fs/promises');
      const model = await loadLlama(fixturePath('llama'));
      await saveLlama(model, `${folder}/copy`);
      model.dispose();
      const open = async (path: string) => SafetensorsReader.open(await readFile(path));
      const before = await open(`${fixturePath('llama')}/model.safetensors`);
      const after = await open(`${folder}/copy/model.safetensors`);
      expect(after.names().sort()).toEqual(before.names().sort());
      for (const name of before.names()) {
        expect(after.entry(name).shape).toEqual(before.entry(name).shape);
        expect(Buffer.compare(await after.bytes(name), await before.bytes(name)))
          .withContext(name)
          .toBe(0);
      }
      const config = JSON.parse(await readFile(`${folder}/copy/config.json`, 'utf8')) as object;
      const original = JSON.parse(
        await readFile(`${fixturePath('llama')}/config.json`, 'utf8'),
      ) as object;
      expect(config).toEqual(jasmine.objectContaining(original));
    });

    it('read F16 and BF16 as float32', async () => {
      const {readFile, writeFile} = await import('node:fs/promises');
      const path = `${folder}/half`;
      const model = llama({...tiny, initializer_range: 0});
      await saveLlama(model, path);
      const reader = await SafetensorsReader.open(await readFile(`${path}/model.safetensors`));
      const tensors = reader.names().map((name, i) => {
        const {shape} = reader.entry(name);
        const half = i % 2 === 0;
        const data = new Uint16Array(shape.reduce((a, b) => a * b, 1)).fill(half ? 0x3800 : 0x3f00);
        return {name, shape, data, dtype: half ? ('F16' as const) : ('BF16' as const)};
      });
      await writeFile(`${path}/model.safetensors`, encodeSafetensors(tensors));
      const loaded = await loadLlama(path);
      for (const weight of loaded.weights) {
        expect(new Set(await weight.read().data())).toEqual(new Set([0.5]));
      }
      model.dispose();
      loaded.dispose();
    });

    it('refuse damaged folders and leave nothing behind', async () => {
      const {cp, readFile, rm, writeFile} = await import('node:fs/promises');
      const good = `${folder}/good`;
      const path = `${folder}/bad`;
      const model = llama({...tiny, mapl: {stages: 2, rank: 3}});
      await saveLlama(model, good, {shards: 2});
      model.dispose();
      const config = JSON.parse(await readFile(`${good}/config.json`, 'utf8')) as object;
      const reload = async (damage: () => Promise<unknown>, message: RegExp) => {
        await rm(path, {recursive: true, force: true});
        await cp(good, path, {recursive: true});
        await damage();
        await expectAsync(loadLlama(path)).toBeRejectedWithError(message);
      };
      const put = (name: string, text: string | Uint8Array) => writeFile(`${path}/${name}`, text);
      const change = (entries: object) =>
        put('config.json', JSON.stringify({...config, ...entries}));
      const remove = (name: string) => rm(`${path}/${name}`);
      const shard = 'model-00001-of-00002.safetensors';
      const index = 'model.safetensors.index.json';

      await reload(() => remove('config.json'), /config\.json does not exist/);
      await reload(() => put('config.json', '{'), /config\.json is not JSON/);
      await reload(
        () => change({model_type: 'mistral'}),
        /of a model of type "mistral", expected "llama"/,
      );
      await reload(
        () => change({architectures: ['LlamaForSequenceClassification']}),
        /expected LlamaForCausalLM/,
      );
      await reload(() => change({hidden_size: null}), /config\.json: hidden_size is null/);
      await reload(() => change({num_hidden_layers: 3}), /tensors are missing: model\.layers\.2/);
      await reload(
        () => change({num_hidden_layers: 1, mapl: null}),
        /tensors are unexpected: model\.layers\.1/,
      );
      await reload(
        () => change({intermediate_size: 13}),
        /gate_proj.weight' has shape \[12, 8\], expected \[13, 8\] by config.json/,
      );
      await reload(
        () => remove(shard),
        /model-00001-of-00002.safetensors can't be opened: no such file/,
      );
      await reload(
        async () => put(shard, (await readFile(`${good}/${shard}`)).subarray(0, -5)),
        /model-00001-of-00002.safetensors is truncated/,
      );
      await reload(
        () => put(shard, encodeSafetensors([])),
        /index\.json says that tensor '.*' is in/,
      );
      await reload(() => put(index, '{}'), /has no weight_map/);
      await reload(() => remove('mapl.safetensors'), /mapl\.safetensors can't be opened/);
      await reload(async () => {
        await remove(index);
        await remove(shard);
      }, /model\.safetensors can't be opened: no such file/);
      const integers = {name: 'model.norm.weight', dtype: 'I32' as const, shape: [8]};
      await reload(async () => {
        const reader = await SafetensorsReader.open(await readFile(`${good}/${shard}`));
        const second = await SafetensorsReader.open(
          await readFile(`${good}/model-00002-of-00002.safetensors`),
        );
        const all = [reader, second].flatMap((r) =>
          r
            .names()
            .map(async (name) => ({name, shape: r.entry(name).shape, data: await r.bytes(name)})),
        );
        const tensors = (await Promise.all(all)).map((tensor) =>
          tensor.name === integers.name ? {...integers, data: new Int32Array(8)} : tensor,
        );
        await remove(index);
        await put('model.safetensors', encodeSafetensors(tensors));
      }, /'model.norm.weight' has dtype I32, expected F32, F16 or BF16/);
    });

    it('refuse a number of shards that makes no sense and models that are no LLaMA', async () => {
      const model = llama(tiny);
      await expectAsync(saveLlama(model, folder, {shards: 0})).toBeRejectedWithError(/shards is 0/);
      const misspelt = {shard: 2} as object;
      await expectAsync(saveLlama(model, folder, misspelt)).toBeRejectedWithError(
        /unknown key 'shard', did you mean 'shards'/,
      );
      const nothing = undefined as unknown as string;
      await expectAsync(saveLlama(model, nothing)).toBeRejectedWithError(/path is missing/);
      await expectAsync(saveLlama(model, '')).toBeRejectedWithError(/path is ""/);
      model.dispose();
      await expectAsync(saveLlama(undefined as never, folder)).toBeRejectedWithError(
        /The model is missing/,
      );
      const dense = tfl.sequential({layers: [tfl.layers.dense({units: 1, inputShape: [1]})]});
      await expectAsync(saveLlama(dense, folder)).toBeRejectedWithError(/is no whole LLaMA/);
      dense.dispose();
    });
  });
}
