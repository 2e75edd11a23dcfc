/** Sizes that a WebGPU device takes. */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuFeatures} from './features.js';

type Dispatch = [x: number, y: number, z: number];

/**
 * `count` workgroups as a grid of which no side exceeds the device's limit (65,535 by default). The grid may hold a few
 * workgroups more than `count`: programs compare `groupIndex()` to a uniform.
 *
 * @throws Error if even three dimensions do not hold them
 */
export function splitDispatch(
  count: number,
  features: WebgpuFeatures,
  program = 'program',
): Dispatch {
  const limit = features.maxComputeWorkgroupsPerDimension;
  if (count <= limit) return [Math.max(1, count), 1, 1];
  const rows = Math.ceil(count / limit);
  if (rows <= limit) return [Math.ceil(count / rows), rows, 1];
  const side = Math.ceil(Math.cbrt(count));
  if (side <= limit) return [side, side, Math.ceil(count / (side * side))];
  throw new Error(
    `webgpu: ${program} needs ${count} workgroups; the device takes ${limit} a dimension ` +
      `(limit maxComputeWorkgroupsPerDimension). Use a smaller batch.`,
  );
}

/**
 * Refuses tensors that the device cannot bind. Without this WebGPU reports the error to no one and the output stays as
 * it was.
 *
 * @throws Error that names the limit, the tensor's size and what to do
 */
export function checkBindings(
  tensors: Readonly<Record<string, {shape: number[]}>>,
  features: WebgpuFeatures,
  program: string,
): void {
  const [limit, limitName] =
    features.maxBufferSize < features.maxStorageBufferBindingSize
      ? [features.maxBufferSize, 'maxBufferSize']
      : [features.maxStorageBufferBindingSize, 'maxStorageBufferBindingSize'];
  for (const [name, {shape}] of Object.entries(tensors)) {
    const bytes = 4 * tf.util.sizeFromShape(shape);
    if (bytes > limit) {
      throw new Error(
        `webgpu: '${name}' [${shape}] of ${program} takes ${bytes} bytes; the device binds at most ${limit} ` +
          `(limit ${limitName}). Use a smaller batch or shorter sequences, or another backend.`,
      );
    }
  }
  const count = Object.keys(tensors).length;
  if (count > features.maxStorageBuffersPerShaderStage) {
    throw new Error(
      `webgpu: ${program} binds ${count} tensors; the device takes ` +
        `${features.maxStorageBuffersPerShaderStage} (limit maxStorageBuffersPerShaderStage).`,
    );
  }
}
