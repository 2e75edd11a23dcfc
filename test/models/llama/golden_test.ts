import * as tf from '@tensorflow/tfjs-core';
import {llama, llamaConfigOf, loadLlama} from '../../../src/models/llama/index.js';
import golden from '../../fixtures/llama/golden.json' with {type: 'json'};
import {expectClose, flat, roundTrip, take} from '../../layers/support.js';
import {fixturePath} from '../../support/fixture_path.js';
import {copyWeights, idsOf, lossAndGradients, norm} from './support.js';

describe('a LLaMA of Hugging Face', () => {
  it('gives the same logits, loss and gradient norms', async () => {
    const model = await loadLlama(fixturePath('llama'));
    const ids = idsOf(golden.inputIds);
    const logits = model.predict(ids) as tf.Tensor3D;
    expect(logits.shape).toEqual([2, 16, 256]);
    const head = tf.slice(logits, [0, 0, 0], [2, 16, 8]);
    expectClose(await take(head), flat(golden.logitsFirst8), 1e-4, 'logits');
    const size = norm(await take(logits));
    expect(Math.abs(size / golden.logitsNorm - 1)).toBeLessThan(1e-4);
    ids.dispose();

    const {loss, gradients} = await lossAndGradients(model, golden.inputIds, golden.targets);
    expect(Math.abs(loss / golden.loss - 1)).toBeLessThan(1e-4);
    const norms = Object.entries(golden.gradNorms);
    expect(norms.length).toBe(gradients.size);
    for (const [name, expected] of norms) {
      const weight = [...gradients.keys()].find((key) => key.replace('/', '.') === name);
      const actual = norm(gradients.get(weight as string) as Float32Array);
      expect(Math.abs(actual / expected - 1))
        .withContext(name)
        .toBeLessThan(1e-4);
    }
    model.dispose();
  });

  it('has the same loss through boundaries with rank = width and zero anchors', async () => {
    const plain = await loadLlama(fixturePath('llama'));
    const config = {...llamaConfigOf(plain), mapl: {stages: 4, rank: 64}};
    const compressed = llama(config);
    expect(llamaConfigOf(compressed).mapl?.boundaries).toEqual([0, 1, 2]);
    copyWeights(plain, compressed);
    const {loss} = await lossAndGradients(compressed, golden.inputIds, golden.targets);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(1e-4);
    plain.dispose();
    compressed.dispose();
  });

  it('survives model.save and tf.loadLayersModel', async () => {
    const model = await loadLlama(fixturePath('llama'));
    const loaded = await roundTrip(model);
    expect(llamaConfigOf(loaded)).toEqual(llamaConfigOf(model));
    const ids = idsOf(golden.inputIds);
    const expected = await take(model.predict(ids) as tf.Tensor);
    expectClose(await take(loaded.predict(ids) as tf.Tensor), expected, 1e-7);
    ids.dispose();
    model.dispose();
    loaded.dispose();
  });
});
