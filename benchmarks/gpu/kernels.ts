/** Every kernel against the composition of tfjs-webgpu's ops that it replaces, and against the card's limits. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel, runKernel} from '../../src/kernels/ensure_kernel.js';
import {checkAgreement, valuesOf} from './agreement.js';
import {useOfCard, type CardLimits} from './card.js';
import {measured, type GpuCase, type Measured} from './gpu_row.js';
import type {KernelCase} from './kernel_cases.js';
import {batchOf, compare, discarding, type Effort} from './timing.js';
import {kernelPlans} from './plan.js';

/** Differences that rounding explains, of sums of thousands of values and of products that follow each other. */
const TOLERANCE = 1e-3;

/** A case for each of `KERNEL_CASES`. */
export function kernelCases(limits: () => CardLimits, effort: Effort, quick: boolean): GpuCase[] {
  return kernelPlans(quick).map(({plan, kernelCase}) => ({
    plan,
    measure: () => measureKernel(kernelCase, limits(), effort),
  }));
}

async function measureKernel(
  {kernel, make, attrs = {}, flops}: KernelCase,
  limits: CardLimits,
  effort: Effort,
): Promise<Measured> {
  tf.engine().startScope();
  try {
    const inputs = make();
    const ours = () => runKernel<tf.Tensor | tf.Tensor[]>(kernel, inputs, attrs);
    const plain = () => composedKernel(kernel)(inputs, attrs);
    const values = await valuesOf(ours);
    const difference = checkAgreement(values, await valuesOf(plain), TOLERANCE);
    const [a, b] = await compare(
      [ours, plain].map((run) => batchOf(discarding(run))),
      effort,
    );
    const size = (total: number, {length}: {length: number}) => total + length;
    const read = Object.values(inputs).reduce((total, tensor) => total + tensor.size, 0);
    const work = flops == null ? {bytes: 4 * values.reduce(size, read)} : {flops};
    return measured(a, b, {difference, ...useOfCard(limits, work, a)});
  } finally {
    tf.engine().endScope();
  }
}
