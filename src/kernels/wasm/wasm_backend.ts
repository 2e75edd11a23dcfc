/** The parts of tfjs-wasm's backend that our kernels use. Written down here because the package is an optional peer. */
import type * as tf from '@tensorflow/tfjs-core';

/** What the backend keeps per tensor. */
export interface WasmTensorData {
  /** Number by which the C++ side knows the tensor. */
  id: number;
  /** Address on the heap, in bytes. */
  memoryOffset: number;
  shape: number[];
}

/** A C function wrapped by Emscripten's `cwrap`. */
export type WasmFunction = (...args: Array<number | boolean | Uint8Array>) => void;

/** tfjs-wasm's `BackendWasm`. */
export interface WasmBackend {
  wasm: {
    /** The heap; a new object whenever it has grown. */
    HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(offset: number): void;
    cwrap(name: string, returns: null, args: string[]): WasmFunction;
    tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void;
      disposeData(id: number): void;
    };
  };
  dataIdMap: {get(dataId: object): WasmTensorData};
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  disposeData(dataId: object, force?: boolean): boolean;
}

/** Arguments of a kernel of this backend. */
export interface WasmKernelArgs {
  inputs: Record<string, tf.TensorInfo>;
  attrs?: tf.NamedAttrMap;
  backend: WasmBackend;
}

/** A kernel of this backend. */
export type WasmKernel = (args: WasmKernelArgs) => tf.TensorInfo | tf.TensorInfo[];

/** `kernel` in the form that `tf.registerKernel` takes. */
export function wasmKernelConfig(kernelName: string, kernel: WasmKernel): tf.KernelConfig {
  return {
    kernelName,
    backendName: 'wasm',
    kernelFunc: kernel as unknown as tf.KernelFunc,
  };
}

/**
 * The float32 values of a tensor, on the heap: no copy. Any allocation may move the heap, so take views only after all
 * outputs have been made.
 */
export function floats(backend: WasmBackend, info: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap({...info, dtype: 'float32'}) as Float32Array;
}

/** The int32 values of a tensor, on the heap: no copy; see `floats`. */
export function integers(backend: WasmBackend, info: tf.TensorInfo): Int32Array {
  return backend.typedArrayFromHeap({...info, dtype: 'int32'}) as Int32Array;
}
