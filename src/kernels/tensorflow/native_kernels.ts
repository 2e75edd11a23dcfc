/** Which of our TensorFlow ops (`native/ops_….cc`) computes which kernel. */
import * as tf from '@tensorflow/tfjs-core';
import {adamWFactors} from '../composed/adamw_update.js';
import {polarCoefficients, type PolarSteps} from '../composed/polar_express.js';
import {
  AdamWUpdate,
  BoundaryDecode,
  BoundaryEncode,
  CausalAttention,
  CausalAttentionGrad,
  GlobalNorm,
  MuonUpdate,
  PackHalf,
  PolarFactor,
  RmsNorm,
  RmsNormGrad,
  RotaryEmbedding,
  RvqDecode,
  RvqEncode,
  ScatterRows,
  SparseCrossEntropy,
  SparseCrossEntropyGrad,
  SwiGLU,
  SwiGLUGrad,
  UnpackHalf,
  type AdamWUpdateAttrs,
} from '../kernel_names.js';
import type {NodeBackend, NodeBinding, OpAttribute} from './node_backend.js';

interface NativeKernel {
  /** The op's name in TensorFlow. */
  op: string;
  /** Names of the kernel's inputs in the op's order; `'variadic'`: a list with the keys `'0'`, `'1'`, … */
  inputs: string[] | 'variadic';
  outputs: number;
  /** Attribute of kernel and op: the kernel's name, the op's name, the binding's type. */
  attribute?: {from: string; to: string; type: 'TF_ATTR_FLOAT' | 'TF_ATTR_INT' | 'TF_ATTR_BOOL'};
  /**
   * Numbers that make up the op's last input. For attributes that change from step to step: TensorFlow keeps a kernel for
   * every value of an attribute for good.
   */
  numbers?: (attrs: tf.NamedAttrMap) => number[];
  /** Dtype of `numbers`; float32 by default. */
  dtype?: 'int32';
}

const epsilon = {from: 'epsilon', to: 'epsilon', type: 'TF_ATTR_FLOAT'} as const;
const scale = {from: 'scale', to: 'scale', type: 'TF_ATTR_FLOAT'} as const;
const segments = {from: 'numSegments', to: 'segments', type: 'TF_ATTR_INT'} as const;

/** By kernel name. */
export const NATIVE_KERNELS: Readonly<Record<string, NativeKernel>> = {
  [RmsNorm]: {op: 'MaplRmsNorm', inputs: ['x', 'weight'], outputs: 1, attribute: epsilon},
  [RmsNormGrad]: {
    op: 'MaplRmsNormGrad',
    inputs: ['x', 'weight', 'dy'],
    outputs: 2,
    attribute: epsilon,
  },
  [RotaryEmbedding]: {op: 'MaplRotaryEmbedding', inputs: ['x', 'cos', 'sin'], outputs: 1},
  [SwiGLU]: {op: 'MaplSwiGlu', inputs: ['gate', 'up'], outputs: 1},
  [SwiGLUGrad]: {op: 'MaplSwiGluGrad', inputs: ['gate', 'up', 'dy'], outputs: 2},
  [CausalAttention]: {
    op: 'MaplCausalAttention',
    inputs: ['q', 'k', 'v'],
    outputs: 2,
    attribute: scale,
  },
  [CausalAttentionGrad]: {
    op: 'MaplCausalAttentionGrad',
    inputs: ['q', 'k', 'v', 'out', 'lse', 'dout'],
    outputs: 3,
    attribute: scale,
  },
  [SparseCrossEntropy]: {op: 'MaplSparseCrossEntropy', inputs: ['logits', 'targets'], outputs: 2},
  [SparseCrossEntropyGrad]: {
    op: 'MaplSparseCrossEntropyGrad',
    inputs: ['logits', 'targets', 'lse', 'dloss'],
    outputs: 1,
  },
  [ScatterRows]: {
    op: 'MaplScatterRows',
    inputs: ['rows', 'ids'],
    outputs: 1,
    attribute: segments,
  },
  [AdamWUpdate]: {
    op: 'MaplAdamW',
    inputs: ['value', 'gradient', 'first', 'second'],
    outputs: 3,
    numbers: (attrs) => {
      const f = adamWFactors(attrs as unknown as AdamWUpdateAttrs);
      return [f.newFirst, f.keepSecond, f.newSecond, f.epsilon, f.stepSize, f.keepValue];
    },
  },
  [BoundaryEncode]: {
    op: 'MaplBoundaryEncode',
    inputs: ['x', 'ids', 'projector', 'anchors', 'basis'],
    outputs: 1,
  },
  [BoundaryDecode]: {
    op: 'MaplBoundaryDecode',
    inputs: ['z', 'ids', 'projector', 'anchors', 'basis'],
    outputs: 1,
  },
  [PolarFactor]: {
    op: 'MaplPolarFactor',
    inputs: ['y'],
    outputs: 1,
    numbers: (attrs) => polarCoefficients(attrs as unknown as PolarSteps).flat(),
  },
  [RvqEncode]: {op: 'MaplRvqEncode', inputs: ['z', 'codebooks'], outputs: 1},
  [RvqDecode]: {op: 'MaplRvqDecode', inputs: ['indices', 'codebooks'], outputs: 1},
  [MuonUpdate]: {
    op: 'MaplMuon',
    inputs: ['momentum', 'gradient'],
    outputs: 2,
    attribute: {from: 'nesterov', to: 'nesterov', type: 'TF_ATTR_BOOL'},
    numbers: ({beta}) => [beta as number, 1 - (beta as number)],
  },
  [GlobalNorm]: {op: 'MaplGlobalNorm', inputs: 'variadic', outputs: 1},
  [PackHalf]: {op: 'MaplPackHalf', inputs: ['x'], outputs: 1},
  [UnpackHalf]: {
    op: 'MaplUnpackHalf',
    inputs: ['packed'],
    outputs: 1,
    numbers: ({shape}) => shape as number[],
    dtype: 'int32',
  },
};

/** The tfjs kernel that runs `native` on tfjs-node's backend. */
export function nativeKernelConfig(kernelName: string, native: NativeKernel): tf.KernelConfig {
  const {op, inputs: order, outputs, numbers, dtype = 'float32'} = native;
  return {
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({inputs, attrs = {}, backend}) => {
      const node = backend as NodeBackend;
      const names = order === 'variadic' ? Object.keys(inputs).map((_, i) => String(i)) : order;
      const tensors = names.map((name) => inputs[name] as tf.TensorInfo);
      const last = numbers == null ? null : tf.tensor1d(numbers(attrs), dtype);
      if (last != null) tensors.push(last);
      const attributes = opAttributes(native, attrs, names.length, node.binding);
      const result =
        outputs === 1
          ? node.executeSingleOutput(op, attributes, tensors)
          : node.executeMultipleOutputs(op, attributes, tensors, outputs);
      last?.dispose();
      return result;
    },
  };
}

function opAttributes(
  {attribute, inputs}: NativeKernel,
  attrs: tf.NamedAttrMap,
  count: number,
  binding: NodeBinding,
): OpAttribute[] {
  if (inputs === 'variadic') return [{name: 'N', type: binding.TF_ATTR_INT, value: count}];
  if (attribute == null) return [];
  const {from, to, type} = attribute;
  return [{name: to, type: binding[type], value: attrs[from] as number | boolean}];
}
