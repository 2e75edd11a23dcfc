/**
 * What the kernels of this package rely on in tfjs-webgpu beyond its documentation. When a release of tfjs breaks one of
 * these, kernels would compute garbage or be refused; these specs say which.
 */
import type {WebGPUBackend} from '@tensorflow/tfjs-backend-webgpu';
import type {WebGPUProgram} from '@tensorflow/tfjs-backend-webgpu/dist/webgpu_program.js';
import * as tf from '@tensorflow/tfjs-core';
import type {
  TfjsProgram,
  WebgpuBackend,
  WebgpuDevice,
} from '../../../src/kernels/webgpu/backend.js';
import {defineProgram, finishShader} from '../../../src/kernels/webgpu/program.js';
import {poison} from '../../support/poison.js';
import {describeWebgpu, webgpuBackend} from './webgpu_spec.js';

/**
 * What `backend.ts` writes down, as tfjs declares it: public, under these names and of these types. The compiler refuses these
 * lines when a release changes that. (The device is of WebGPU's own standard.)
 */
const asDeclared = {
  backend: (theirs: Omit<WebGPUBackend, 'device'>): Omit<WebgpuBackend, 'device'> => theirs,
  program: (ours: TfjsProgram): WebGPUProgram => ours,
  field: (ours: keyof TfjsProgram): keyof WebGPUProgram => ours,
};

type Kind = 'function' | 'object';

/** All members of `backend.ts`: the compiler refuses a list that lacks one. */
const MEMBERS: Record<keyof WebgpuBackend, Kind> = {
  device: 'object',
  disposeData: 'function',
  makeTensorInfo: 'function',
  runWebGPUProgram: 'function',
  tensorMap: 'object',
};
const DEVICE_MEMBERS: Record<keyof WebgpuDevice, Kind> = {
  createShaderModule: 'function',
  features: 'object',
  limits: 'object',
};

/** Numbers, times a factor that is baked in; and their negatives. */
const scaled = defineProgram({
  name: 'SurfaceTest',
  inputs: ['x', 'unused'],
  outputs: ['result', 'negative'],
  uniforms: {count: 'i32', offset: 'f32'},
  workgroupSize: 64,
  code: ({factor}: {factor: number}) => `
    fn main(index : i32) {
      if (index >= uniforms.count) { return; }
      result[index] = x[index] * f32(${factor}) + uniforms.offset;
      negative[index] = -x[index];
    }
  `,
});

function run(x: tf.TensorInfo, factor: number, offset = 0): tf.Tensor[] {
  const [count] = x.shape;
  const unused = tf.ones([3]);
  const outputs = {result: {shape: [count]}, negative: {shape: [count]}};
  return scaled(webgpuBackend(), {
    inputs: {x, unused},
    outputs,
    uniforms: {count, offset},
    constants: {factor},
    invocations: count,
  }).map((info) => tf.engine().makeTensorFromTensorInfo(info));
}

describeWebgpu('the surface of tfjs-webgpu', () => {
  it('has the members that are used', () => {
    const backend = asDeclared.backend(tf.backend() as WebGPUBackend) as WebgpuBackend;
    const has = <T extends object>(object: T, members: Record<keyof T, Kind>) => {
      for (const name of Object.keys(members) as (keyof T & string)[]) {
        expect<string>(typeof object[name])
          .withContext(name)
          .toBe(members[name]);
      }
    };
    has(backend, MEMBERS);
    has(backend.device, DEVICE_MEMBERS);
    expect(typeof backend.tensorMap.get).toBe('function');
    expect(typeof backend.device.features.has).toBe('function');
    expect(backend.device.limits.maxStorageBufferBindingSize).toBeGreaterThan(0);
  });

  it('tells the dtype of a buffer, which a cast from bool leaves as it was', async () => {
    const mask = tf.cast(tf.greater(tf.tensor1d([1, -1, 2]), 0), 'float32');
    await mask.data();
    const [out] = run(mask, 3);
    expect(Array.from(await out.data())).toEqual([3, 0, 3]);
  });

  it('tells whether values are on the host: before they are uploaded, and after they were read', async () => {
    const {tensorMap} = webgpuBackend();
    const x = tf.tensor1d([1, 2, 3]);
    expect(tensorMap.get(x.dataId).values).toEqual(new Float32Array([1, 2, 3]));
    const [out] = run(x, 2);
    expect(tensorMap.get(x.dataId).values ?? null).toBeNull();
    expect(tensorMap.get(out.dataId).values ?? null).toBeNull();
    await out.data();
    expect(tensorMap.get(out.dataId).values).toEqual(new Float32Array([2, 4, 6]));
  });

  it('runs a program of two outputs, with uniforms and an input that it does not read', async () => {
    const [out, negative] = run(tf.tensor1d([1, 2, 3]), 2, 0.5);
    expect(Array.from(await out.data())).toEqual([2.5, 4.5, 6.5]);
    expect(Array.from(await negative.data())).toEqual([-1, -2, -3]);
  });

  it('keeps pipelines by all that is baked in', async () => {
    const x = tf.tensor1d([1, 2]);
    expect(Array.from(await run(x, 2)[0].data())).toEqual([2, 4]);
    expect(Array.from(await run(x, 3)[0].data())).toEqual([3, 6]);
  });

  it('compiles one pipeline for vectors of all lengths', async () => {
    const {device} = webgpuBackend();
    // Programs put a method of their own on the device while they run, on top of this one.
    const create = spyOn(Object.getPrototypeOf(device), 'createShaderModule').and.callThrough();
    for (const count of [5, 6, 700]) await run(tf.ones([count]), 7)[0].data();
    const compiled = create.calls
      .allArgs()
      .map(([descriptor]) => (descriptor as {code: string}).code);
    expect(compiled.filter((code) => code.includes('negative')).length).toBe(1);
  });

  it('leaves the device as it was', async () => {
    const {device} = webgpuBackend();
    await run(tf.ones([2]), 11)[0].data();
    expect(Object.prototype.hasOwnProperty.call(device, 'createShaderModule')).toBe(false);
  });

  it('hands freed buffers out again, so that poisoning them means something', async () => {
    await poison([[777]]);
    const info = webgpuBackend().makeTensorInfo([777], 'float32');
    const idle: TfjsProgram = {
      outputShape: [777],
      shaderKey: 'surface test: writes nothing',
      workgroupSize: [1, 1, 1],
      dispatch: [1, 1, 1],
      dispatchLayout: {x: [0]},
      variableNames: [],
      variableComponents: [],
      outputComponent: 1,
      uniforms: '',
      getUserCode: () => 'fn main(index : i32) { _ = &result; _ = &uniforms; }',
    };
    expect(Object.keys(asDeclared.program(idle))).toContain(asDeclared.field('shaderKey'));
    webgpuBackend().runWebGPUProgram(idle, [], 'float32', [], info);
    const values = await tf.engine().makeTensorFromTensorInfo(info).data();
    expect(values.every(Number.isNaN)).toBe(true);
  });

  it('declares buffers as they are looked for', () => {
    const code = '@group(0) @binding(1) var<storage, read> dup: array<f32>;\n  enable subgroups;\n';
    const finished = finishShader(code, ['dup']);
    expect(finished).toContain('var<storage, read_write> dup: array<f32>;');
    expect(finished.startsWith('enable subgroups;')).toBe(true);
    expect(() => finishShader(code, ['other'])).toThrowError(/does not declare.*Use version 4.22/s);
  });
});
