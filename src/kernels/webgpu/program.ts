/** WGSL programs for tfjs-webgpu, defined by their parts. */
import * as tf from '@tensorflow/tfjs-core';
import type {TfjsProgram, WebgpuBackend, WebgpuDevice} from './backend.js';
import {webgpuFeatures} from './features.js';
import {checkBindings, splitDispatch} from './limits.js';

/** Scalars of a storage buffer's element: `array<f32>`, `array<vec2<f32>>`, `array<vec4<f32>>`. */
export type Components = 1 | 2 | 4;

/** Values that are baked into the text of a program. All of them, and nothing else, go into its key. */
export type Constants = Readonly<Record<string, string | number | boolean>>;

/** Shape and dtype of an output that is to be made; `dataId` where it is there already and is written into. */
export interface OutputSpec {
  shape: number[];
  dtype?: tf.DataType;
  dataId?: tf.DataId;
}

/** Definition of a program; see {@link defineProgram}. */
export interface ProgramSpec<
  I extends string,
  O extends string,
  U extends string,
  C extends Constants,
> {
  /** Unique: it begins the key under which tfjs keeps the compiled pipeline. */
  name: string;
  /** WGSL names of the inputs, each `array<f32>` or, for int32 tensors, `array<i32>`, flat. */
  inputs: readonly I[];
  /** WGSL names of the outputs. The first must be `result`, which is what tfjs calls it. */
  outputs: readonly O[];
  /** Fields of `uniforms`, for what changes from call to call. */
  uniforms: Readonly<Record<U, 'i32' | 'u32' | 'f32'>>;
  /** Invocations of a workgroup, in one dimension. */
  workgroupSize: number | ((constants: C) => number);
  /** Buffers that are read or written as vectors; the others have 1 component. */
  components?: (constants: C) => Partial<Record<I | O, Components>>;
  /**
   * The text. It must define `fn main(index : i32)` with `index` the invocation's number in the whole dispatch. It may call
   * `groupIndex()` for the number of its workgroup, and read `localIndex` (u32).
   *
   * WGSL forbids barriers in control flow that may differ between invocations, and takes everything that comes from
   * `index`, `localIndex` or `groupIndex()` for different: do not return early before a barrier, guard reads and writes.
   * Loops with barriers in them run to bounds from `uniforms` or constants. A line `enable …;` is moved to the top.
   */
  code: (constants: C) => string;
}

/** One run of a program. */
export interface ProgramRun<I extends string, O extends string, U extends string, C> {
  inputs: Readonly<Record<I, tf.TensorInfo>>;
  outputs: Readonly<Record<O, OutputSpec>>;
  uniforms: Readonly<Record<U, number>>;
  constants: C;
  /** Number of workgroups; the grid may be larger. Give `invocations` instead for programs without workgroup sums. */
  workgroups?: number;
  invocations?: number;
}

/** Runs the program on a backend; outputs in the order of the definition. */
export type Program<I extends string, O extends string, U extends string, C> = (
  backend: WebgpuBackend,
  run: ProgramRun<I, O, U, C>,
) => tf.TensorInfo[];

/** Ours, before the program's own text. tfjs has `localIndex`, `workgroupId` and `numWorkgroups`, all u32. */
const HELPERS = `
  fn groupIndex() -> i32 {
    return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
  }
`;

/**
 * Defines a program. All tensors are bound flat, so that a pipeline is compiled once for all shapes: sizes belong in
 * `uniforms`. What is baked into the text can only come from `constants`, all of which are in the pipeline's key.
 *
 * tfjs-webgpu gives a program one output. Further ones are handed to it as inputs, and their declarations made writable when
 * the shader is compiled.
 */
export function defineProgram<
  I extends string,
  O extends string,
  U extends string = never,
  C extends Constants = Record<string, never>,
>(spec: ProgramSpec<I, O, U, C>): Program<I, O, U, C> {
  const [first, ...others] = spec.outputs;
  const variables = [...spec.inputs, ...others] as (I | O)[];
  const fields = Object.keys(spec.uniforms) as U[];
  const declared = fields.map((field) => `${field} : ${spec.uniforms[field]},`).join(' ');

  return (backend, {inputs, outputs, uniforms, constants, workgroups, invocations}) => {
    const features = webgpuFeatures(backend);
    checkBindings({...inputs, ...outputs} as Record<string, OutputSpec>, features, spec.name);
    const size =
      typeof spec.workgroupSize === 'number' ? spec.workgroupSize : spec.workgroupSize(constants);
    const groups = workgroups ?? Math.ceil(invocations! / size);
    const dispatch = splitDispatch(groups, features, spec.name);
    const components: Partial<Record<I | O, Components>> = spec.components?.(constants) ?? {};

    const made = spec.outputs.map((name): tf.TensorInfo => {
      const {shape, dtype = 'float32', dataId} = outputs[name];
      return dataId == null ? backend.makeTensorInfo(shape, dtype) : {dataId, shape, dtype};
    });
    const read = spec.inputs.map((name) => asStored(backend, inputs[name]));
    const bound = [...read, ...made.slice(1)].map(flat);
    const program: TfjsProgram & {constructor: {name: string}} = {
      // What tf.profile and WebGPU's labels call it.
      constructor: {name: spec.name},
      outputShape: flat(made[0]).shape,
      shaderKey: `mapl ${spec.name} ${JSON.stringify(constants)}`,
      workgroupSize: [size, 1, 1],
      dispatch,
      dispatchLayout: {x: [0]},
      variableNames: variables,
      variableComponents: variables.map((name) => components[name] ?? 1),
      outputComponent: components[first] ?? 1,
      uniforms: declared,
      getUserCode: () => HELPERS + touchAll(spec.code(constants), [first, ...variables]),
    };
    const values = fields.map((field) => ({
      type: UNIFORM_TYPES[spec.uniforms[field]],
      data: [uniforms[field]],
    }));
    withModules(backend.device, others, () =>
      backend.runWebGPUProgram(program, bound, made[0].dtype, values, flat(made[0])),
    );
    read.forEach((info, i) => {
      if (info !== inputs[spec.inputs[i]]) backend.disposeData(info.dataId);
    });
    return made;
  };
}

/** A cast from bool to float32 leaves integers in the buffer; programs here read what the tensor's dtype says. */
const toFloat = defineProgram({
  name: 'ToFloat',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {count: 'i32'},
  workgroupSize: 128,
  code: () => `
    fn main(index : i32) {
      if (index < uniforms.count) { result[index] = f32(x[index]); }
    }
  `,
});

/** The tensor with its values in the buffer as its dtype says: itself, or one to be disposed. */
function asStored(backend: WebgpuBackend, input: tf.TensorInfo): tf.TensorInfo {
  const {dtype: stored} = backend.tensorMap.get(input.dataId);
  if (input.dtype !== 'float32' || stored === 'float32') return input;
  const count = tf.util.sizeFromShape(input.shape);
  const [converted] = toFloat(backend, {
    inputs: {x: {...input, dtype: stored}},
    outputs: {result: {shape: input.shape}},
    uniforms: {count},
    constants: {},
    invocations: count,
  });
  return converted;
}

/** WebGPU leaves buffers that a program does not mention out of its layout, and then refuses to bind them. */
function touchAll(code: string, variables: readonly string[]): string {
  const touched = [...variables, 'uniforms'].map((name) => `_ = &${name};`).join(' ');
  const text = code.replace(/fn main\(index : i32\) \{/, (head) => `${head} ${touched}`);
  if (text === code) throw new Error(`A program lacks 'fn main(index : i32) {'.`);
  return text;
}

const UNIFORM_TYPES = {i32: 'int32', u32: 'uint32', f32: 'float32'};

/** The tensor as a vector; the buffer stays. */
function flat({dataId, shape, dtype}: tf.TensorInfo): tf.TensorInfo {
  return {dataId, shape: [tf.util.sizeFromShape(shape)], dtype};
}

/** Finishes the text of shaders that tfjs compiles while `run` runs. */
function withModules(device: WebgpuDevice, outputs: readonly string[], run: () => void): void {
  const create = device.createShaderModule;
  device.createShaderModule = (descriptor) =>
    create.call(device, {...descriptor, code: finishShader(descriptor.code, outputs)});
  try {
    run();
  } finally {
    // The method is the prototype's; ours was a property of the object.
    delete (device as Partial<WebgpuDevice>).createShaderModule;
  }
}

/**
 * Makes the named buffers writable and moves `enable` directives, which WGSL wants before anything else, to the top.
 *
 * @throws Error if tfjs declares buffers in another way than 4.22 does
 */
export function finishShader(code: string, outputs: readonly string[]): string {
  let text = code;
  for (const name of outputs) {
    const before = `var<storage, read> ${name}:`;
    if (!text.includes(before)) {
      throw new Error(
        `webgpu: this version of @tensorflow/tfjs-backend-webgpu does not declare '${before}' in its shaders. ` +
          `Use version 4.22.`,
      );
    }
    text = text.replace(before, `var<storage, read_write> ${name}:`);
  }
  const enables = new Set(text.match(/^\s*enable .*;$/gm)?.map((line) => line.trim()));
  return [...enables, text.replace(/^\s*enable .*;$/gm, '')].join('\n');
}

/** Kernel function of a config from a function of typed backend, inputs and attributes. */
export function webgpuKernel<I extends tf.NamedTensorInfoMap, A = Record<string, never>>(
  kernel: (backend: WebgpuBackend, inputs: I, attrs: A) => tf.TensorInfo | tf.TensorInfo[],
): tf.KernelFunc {
  return ({inputs, attrs, backend}) =>
    kernel(backend as WebgpuBackend, inputs as I, attrs as unknown as A);
}
