/** The part of tfjs-webgpu's backend that the kernels of this folder use. */
import type * as tf from '@tensorflow/tfjs-core';

/** The part of WebGPU's `GPUDevice` that is used here. */
export interface WebgpuDevice {
  features: {has(name: string): boolean};
  limits: Record<string, number>;
  createShaderModule(descriptor: {code: string; label?: string}): unknown;
}

/** A program as tfjs-webgpu 4.22 takes it (`WebGPUProgram` in its `webgpu_program.d.ts`). */
export interface TfjsProgram {
  outputShape: number[];
  shaderKey: string;
  workgroupSize: [number, number, number];
  dispatch: [number, number, number];
  dispatchLayout: {x: number[]};
  variableNames: string[];
  variableComponents: number[];
  outputComponent: number;
  uniforms: string;
  getUserCode(): string;
}

/** A value for each field of `TfjsProgram.uniforms`, in order. */
export type UniformData = {type: string; data: number[]}[];

/**
 * Typed view on tfjs-webgpu 4.22's `WebGPUBackend`; every member is public in its declarations.
 * `test/kernels/webgpu/backend_surface_test.ts` fails when a release of tfjs changes what is relied upon here.
 */
export interface WebgpuBackend {
  device: WebgpuDevice;
  /**
   * `dtype` is that of the buffer: a cast from bool to float32 changes the tensor's alone. `values` are there while they are
   * on the host.
   */
  tensorMap: {get(dataId: tf.DataId): {dtype: tf.DataType; values?: tf.BackendValues | null}};
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.BackendValues): tf.TensorInfo;
  disposeData(dataId: tf.DataId, force?: boolean): boolean;
  /** Compiles the program unless its key is known, and records its dispatch. */
  runWebGPUProgram(
    program: TfjsProgram,
    inputs: tf.TensorInfo[],
    outputDtype: tf.DataType,
    uniforms?: UniformData,
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
}
