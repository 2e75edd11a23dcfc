/** Helpers of the layer and model specs. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

/** Expects two sequences to agree within `tolerance` times the largest expected magnitude. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
  what = 'values',
): void {
  expect(actual.length).withContext(`${what}: length`).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs), 1e-30);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / scale;
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  expect(worst).withContext(`${what}: largest error`).toBeLessThan(tolerance);
}

/** The values of nested arrays in row-major order. */
export function flat(nested: unknown): number[] {
  return (nested as unknown[]).flat(Infinity) as number[];
}

/** Names of weights without the suffix that a second model of the process gets. */
export function weightNames(weights: tfl.LayerVariable[]): string[] {
  return weights.map((weight) => weight.originalName);
}

/** Overwrites weights by `originalName`. */
export function setWeights(model: tfl.LayersModel, values: Record<string, unknown>): void {
  tf.tidy(() => {
    for (const [name, nested] of Object.entries(values)) {
      const weight = model.weights.find((w) => w.originalName === name);
      if (weight == null) {
        throw new Error(`no weight ${name} among ${weightNames(model.weights).join(', ')}`);
      }
      weight.write(tf.tensor(flat(nested), weight.shape as number[]));
    }
  });
}

/** The data of a tensor, which is disposed. */
export async function take(tensor: tf.Tensor): Promise<Float32Array> {
  const data = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return data;
}

/** `model.save` and `tf.loadLayersModel` through JSON, as a file would do it. */
export async function roundTrip(model: tfl.LayersModel): Promise<tfl.LayersModel> {
  let saved: tf.io.ModelArtifacts = {};
  const save = async (artifacts: tf.io.ModelArtifacts) => {
    saved = artifacts;
    return {modelArtifactsInfo: {dateSaved: new Date(), modelTopologyType: 'JSON' as const}};
  };
  await model.save(tf.io.withSaveHandler(save));
  const modelTopology = JSON.parse(JSON.stringify(saved.modelTopology)) as object;
  return tfl.loadLayersModel(tf.io.fromMemory({...saved, modelTopology}));
}
