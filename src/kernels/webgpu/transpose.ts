/** `Transpose` of tensors that `webgpu` stores as integers. */
import type * as tf from '@tensorflow/tfjs-core';

/** What a program of tfjs-webgpu is made of, as far as it is looked at here. */
interface WebgpuProgram {
  shaderKey: string;
  getUserCode(): string;
}

interface WebgpuBackend {
  /** `dtype` is that of the buffer: a cast from bool to float32 changes the tensor's alone. */
  tensorMap: {get(dataId: tf.DataId): {dtype: tf.DataType}};
  runWebGPUProgram(
    program: WebgpuProgram,
    inputs: tf.TensorInfo[],
    outputDtype: tf.DataType,
  ): tf.TensorInfo;
}

/**
 * tfjs-webgpu's own kernel for buffers of float32. For int32 and bool its program of rank 3 and higher hands an `i32` to a function
 * that takes an `f32`: the shader is refused, and what then stands in the output is whatever was there before
 * (tensorflow/tfjs issue 8638). Here such a program calls the function for `i32`, which also keeps integers above 2²⁴.
 *
 * @param original tfjs-webgpu's kernel
 */
export function transposeKernel(original: tf.KernelFunc): tf.KernelFunc {
  return ({inputs, attrs, backend}) => {
    const webgpu = backend as WebgpuBackend;
    const {dtype: stored} = webgpu.tensorMap.get((inputs.x as tf.TensorInfo).dataId);
    if (stored === 'float32') return original({inputs, attrs, backend});
    const mending: WebgpuBackend = Object.create(webgpu, {
      runWebGPUProgram: {
        value: (program: WebgpuProgram, tensors: tf.TensorInfo[], dtype: tf.DataType) =>
          webgpu.runWebGPUProgram(withIntegers(program), tensors, dtype),
      },
    });
    return original({inputs, attrs, backend: mending});
  };
}

/** The program with its raw reads written as `i32`; one that converts what it reads is left as it is. */
function withIntegers(program: WebgpuProgram): WebgpuProgram {
  const code = program.getUserCode();
  const mended = code.replace(
    'setOutputAtIndex(flatIndex, A[',
    'setOutputAtIndexI32(flatIndex, A[',
  );
  if (mended !== code) {
    program.getUserCode = () => mended;
    // tfjs keeps compiled programs by this key.
    program.shaderKey += '_i32';
  }
  return program;
}
