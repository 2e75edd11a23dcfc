/**
 * An optimizer's state in files: under the weights' names in the model, without the suffixes by which tfjs keeps apart variables of
 * one name, so that any process and any number of stages can read it.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {openFolder, type TensorToWrite} from '../io/index.js';
import {WeightFiles} from '../models/llama/weight_files.js';
import type {Stage} from './stage.js';

/** As in `tf.Optimizer.getWeights`; tfjs-core does not export the type. */
type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

/** An optimizer whose state goes to checkpoints: those of `train`. */
export interface SavableOptimizer {
  getWeights(): Promise<NamedTensor[]>;
  setWeights(weights: NamedTensor[]): Promise<void>;
}

/** State of the optimizer of a stage, ready to be written. */
export async function optimizerTensors(
  stage: Stage,
  optimizer: Partial<SavableOptimizer> | undefined,
): Promise<TensorToWrite[]> {
  const entries = (await optimizer?.getWeights?.()) ?? [];
  const tensors: TensorToWrite[] = [];
  for (const {name, tensor} of entries) {
    const weight = longestMatch(stage, name, (w) => w.name);
    const saved = weight == null ? name : weight.originalName + name.slice(weight.name.length);
    const data = (await tensor.data()) as Float32Array | Int32Array;
    const dtype = tensor.dtype === 'int32' ? 'I32' : 'F32';
    tensors.push({name: saved, dtype, shape: tensor.shape, data});
    if (name === 'iter') {
      tensor.dispose();
    }
  }
  return tensors;
}

/**
 * Loads the state of a stage's weights from the `optimizer-…` files of a checkpoint.
 *
 * @param names All of these files.
 * @throws Error when there is none, or none of them has the number of steps.
 */
export async function loadOptimizer(
  folder: string,
  names: string[],
  stage: Stage,
  optimizer: SavableOptimizer,
): Promise<void> {
  if (names.length === 0) {
    throw new Error(`${folder} has no state of an optimizer: it can be started from, not resumed.`);
  }
  const loaded: NamedTensor[] = [];
  try {
    for (const name of names) {
      const files = await WeightFiles.openFiles(openFolder(folder), [name]);
      try {
        for (const tensor of files.names()) {
          const reader = files.reader(tensor)!;
          const {shape, dtype} = reader.entry(tensor);
          const values = () => (dtype === 'I32' ? reader.int32(tensor) : reader.float32(tensor));
          if (tensor === 'iter') {
            if (loaded[0] == null) {
              const value = tf.tensor(await values(), shape, dtype === 'I32' ? 'int32' : 'float32');
              loaded.unshift({name: 'iter', tensor: value});
            }
            continue;
          }
          const weight = longestMatch(stage, tensor, (w) => w.originalName);
          if (weight != null) {
            const own = weight.name + tensor.slice(weight.originalName.length);
            loaded.push({name: own, tensor: tf.tensor(await values(), shape, 'float32')});
          }
        }
      } finally {
        await files.close();
      }
    }
    if (loaded[0]?.name !== 'iter') {
      throw new Error(`${folder}: the optimizer state has no 'iter', the number of its steps.`);
    }
    await optimizer.setWeights(loaded);
  } finally {
    tf.dispose(loaded.map(({tensor}) => tensor));
  }
}

/** The weight whose name, followed by a slash, begins a name of state; the longest if there are several. */
function longestMatch(
  stage: Stage,
  name: string,
  nameOf: (weight: tfl.LayerVariable) => string,
): tfl.LayerVariable | null {
  const matches = stage.trainableWeights.filter((weight) => name.startsWith(`${nameOf(weight)}/`));
  return matches.sort((a, b) => nameOf(b).length - nameOf(a).length)[0] ?? null;
}
