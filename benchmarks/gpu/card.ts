/** What the card reaches at best: the yardsticks for the kernels. */
import * as tf from '@tensorflow/tfjs-core';
import type {WebgpuBackend} from '../../src/kernels/webgpu/backend.js';
import {defineProgram} from '../../src/kernels/webgpu/program.js';
import {batchOf, compare, discarding, type Effort} from './timing.js';

export interface CardLimits {
  /** Bytes read and written by a copy, per second, in units of 10⁹. */
  copyGBs: number;
  /** Multiplications and additions of a program that only multiplies and adds, in registers, in units of 10⁹. */
  fmaGflops: number;
  /** Of tfjs-webgpu's own product of two large matrices. */
  matMulGflops: number;
}

const copy = defineProgram({
  name: 'BenchmarkCopy',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {count: 'i32'},
  workgroupSize: 256,
  components: () => ({x: 4, result: 4}),
  code: () => `
  fn main(index : i32) {
    if (index < uniforms.count) { result[index] = x[index]; }
  }
`,
});

/** Four chains of `vec4`s, so that an addition need not wait for the one before. */
const multiplyAdd = defineProgram({
  name: 'BenchmarkFma',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {steps: 'i32'},
  workgroupSize: 256,
  code: () => `
  fn main(index : i32) {
    let m = vec4<f32>(x[0]);
    var a = vec4<f32>(f32(index));
    var b = a + 1.0;
    var c = a + 2.0;
    var d = a + 3.0;
    for (var i = 0; i < uniforms.steps; i = i + 1) {
      a = fma(a, m, m); b = fma(b, m, m); c = fma(c, m, m); d = fma(d, m, m);
    }
    let sum = a + b + c + d;
    result[index] = sum.x + sum.y + sum.z + sum.w;
  }
`,
});

/** How fast a kernel works, also as a part of what the card reaches. */
export function useOfCard(
  limits: CardLimits,
  work: {bytes: number} | {flops: number},
  ms: number,
): {rate: string; share: number} {
  const [amount, unit, limit] =
    'bytes' in work
      ? [work.bytes, 'GB/s', limits.copyGBs]
      : [work.flops, 'GFLOP/s', Math.max(limits.fmaGflops, limits.matMulGflops)];
  const perSecond = amount / ms / 1e6;
  return {rate: `${perSecond.toPrecision(3)} ${unit}`, share: perSecond / limit};
}

/** Measures all three; `quick` only tries them. */
export async function measureCard(effort: Effort, quick: boolean): Promise<CardLimits> {
  const backend = tf.backend() as unknown as WebgpuBackend;
  const size = quick ? 2 ** 12 : 2 ** 25;
  const source = tf.ones([size]);
  const [copyMs] = await compare(
    [
      batchOf(() => {
        const [out] = copy(backend, {
          inputs: {x: source},
          outputs: {result: {shape: [size]}},
          uniforms: {count: size / 4},
          constants: {},
          invocations: size / 4,
        });
        backend.disposeData(out.dataId);
      }),
    ],
    effort,
  );
  const [threads, steps] = quick ? [2 ** 8, 16] : [2 ** 20, 1024];
  const half = tf.fill([1], 0.5);
  const [fmaMs] = await compare(
    [
      batchOf(() => {
        const [out] = multiplyAdd(backend, {
          inputs: {x: half},
          outputs: {result: {shape: [threads]}},
          uniforms: {steps},
          constants: {},
          invocations: threads,
        });
        backend.disposeData(out.dataId);
      }),
    ],
    effort,
  );
  const side = quick ? 64 : 4096;
  const matrix = tf.randomNormal<tf.Rank.R2>([side, side], 0, 1, 'float32', 1);
  const [matMulMs] = await compare([batchOf(discarding(() => tf.matMul(matrix, matrix)))], effort);
  tf.dispose([source, half, matrix]);
  return {
    copyGBs: (8 * size) / copyMs / 1e6,
    fmaGflops: (2 * 16 * steps * threads) / fmaMs / 1e6,
    matMulGflops: (2 * side ** 3) / matMulMs / 1e6,
  };
}
