/** The part of tfjs-node's backend that kernels use. The package has no types for it that can be imported in browsers. */
import type * as tf from '@tensorflow/tfjs-core';

/** Attribute of a TensorFlow op, as the binding takes it. */
export interface OpAttribute {
  name: string;
  /** One of the binding's `TF_ATTR_…` numbers. */
  type: number;
  value: boolean | number | number[];
}

/** Numbers that the binding exports. */
export interface NodeBinding {
  TF_FLOAT: number;
  TF_INT32: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_FLOAT: number;
  TF_ATTR_INT: number;
  TF_ATTR_TYPE: number;
}

/** tfjs-node's backend: runs any op that TensorFlow knows, by its name. */
export interface NodeBackend {
  binding: NodeBinding;
  isUsingGpuDevice: boolean;
  executeSingleOutput(op: string, attrs: OpAttribute[], inputs: tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attrs: OpAttribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}
