import type * as tf from '@tensorflow/tfjs-core';
import {generate, type GenerateOptions, llama, sampler} from '../../../src/models/llama/index.js';
import {take} from '../../layers/support.js';
import {idsOf, tiny} from './support.js';

async function collect(ids: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const id of ids) all.push(id);
  return all;
}

describe('generate', () => {
  it('repeats itself for a seed and differs for another', async () => {
    const model = llama({...tiny, num_hidden_layers: 1});
    const run = (options: GenerateOptions) =>
      collect(generate(model, [1, 2], {maxTokens: 5, temperature: 1.5, ...options}));
    const first = await run({seed: 1});
    expect(first.length).toBe(5);
    expect(await run({seed: 1})).toEqual(first);
    expect(await run({seed: 2})).not.toEqual(first);
    model.dispose();
  });

  it('greedily takes the most likely token, also past the context', async () => {
    const model = llama({...tiny, num_hidden_layers: 1});
    const start = [1, 2, 3, 4, 5];
    const text = [...start];
    for (let i = 0; i < 4; i++) {
      const ids = idsOf([text.slice(-6)]);
      const logits = Array.from(await take(model.predict(ids) as tf.Tensor)).slice(-11);
      ids.dispose();
      text.push(logits.indexOf(Math.max(...logits)));
    }
    const made = await collect(generate(model, start, {maxTokens: 4, temperature: 0}));
    expect(made).toEqual(text.slice(5));
    const stopped = generate(model, start, {maxTokens: 4, temperature: 0, stopIds: [made[0]]});
    expect(await collect(stopped)).toEqual([made[0]]);
    model.dispose();
  });

  it('refuses bad arguments', async () => {
    const model = llama(tiny);
    const run = (ids: number[], options: GenerateOptions = {}) =>
      expectAsync(collect(generate(model, ids, options)));
    await run([]).toBeRejectedWithError(/the text is empty/);
    await run([1], {maxTokens: 0}).toBeRejectedWithError(/maxTokens is 0/);
    await run([1], {temperature: -1}).toBeRejectedWithError(/temperature is -1/);
    await run([1], {topK: 0}).toBeRejectedWithError(/topK is 0/);
    await run([1], {topP: 0}).toBeRejectedWithError(/topP is 0/);
    await run([11]).toBeRejectedWithError(/outside the vocabulary/);
    model.dispose();
  });
});

describe('sampler', () => {
  const logits = [0, Math.log(6), Math.log(3), -Infinity];

  it('draws in proportion', () => {
    const draw = sampler({seed: 1});
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 5000; i++) counts[draw(logits)]++;
    // p = [0.1, 0.6, 0.3, 0]; 5 standard deviations are at most 0.035.
    [0.1, 0.6, 0.3, 0].forEach((p, id) => {
      expect(Math.abs(counts[id] / 5000 - p)).toBeLessThan(0.035);
    });
  });

  it('keeps to topK and topP', () => {
    const seen = (options: object) => {
      const draw = sampler({seed: 2, ...options});
      return [...new Set(Array.from({length: 300}, () => draw(logits)))].sort();
    };
    expect(seen({topK: 1})).toEqual([1]);
    expect(seen({topK: 2})).toEqual([1, 2]);
    expect(seen({topP: 0.5})).toEqual([1]);
    expect(seen({topP: 0.7})).toEqual([1, 2]);
    expect(seen({topP: 1})).toEqual([0, 1, 2]);
    expect(seen({temperature: 0})).toEqual([1]);
  });

  it('refuses NaN', () => {
    expect(() => sampler()([0, NaN])).toThrowError(/logit of token 1 is NaN/);
  });
});
