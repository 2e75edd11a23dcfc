/** The `tensorflow` backend as it stands here; the suite runs on it where it is set up. */
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {bindingFolder, findTfjsNode, readInstall} from '../../src/backends/tensorflow_install.js';
import {TENSORFLOW_VERSION} from '../../src/cli/setup/versions.js';

describe('tensorflow backend', () => {
  beforeEach(() => {
    if (tf.getBackend() !== 'tensorflow') pending('the suite runs on another backend');
  });

  it('runs on the TensorFlow that setup fetches', () => {
    const {binding} = tf.backend() as unknown as {binding: {TF_Version: string}};
    expect(binding.TF_Version).toBe(TENSORFLOW_VERSION);
  });

  it('is what the record beside the binding says', async () => {
    const tfjsNode = (await findTfjsNode())!;
    const install = (await readInstall(tfjsNode))!;
    const binding = readFileSync(path.join(await bindingFolder(tfjsNode), 'tfjs_binding.node'));
    expect(createHash('sha256').update(binding).digest('hex')).toBe(install.bindingSha256);
  });

  // Both call functions of node:util that Node 23 has removed.
  it('has topk', async () => {
    const {values, indices} = tf.topk(tf.tensor1d([3, 1, 4, 1, 5]), 2);
    expect(Array.from(await values.data())).toEqual([5, 4]);
    expect(Array.from(await indices.data())).toEqual([4, 2]);
  });

  it('has tensors of strings', async () => {
    const text = tf.tensor1d(['Call me', 'Ishmael'], 'string');
    expect(Array.from(await text.data<'string'>())).toEqual(['Call me', 'Ishmael']);
  });

  it('is set to be deterministic', () => {
    expect(process.env.TF_DETERMINISTIC_OPS).toBe('1');
  });
});
