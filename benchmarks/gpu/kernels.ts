/** Every kernel against the composition of tfjs-webgpu's ops that it replaces, and against the card's limits. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel, runKernel} from '../../src/kernels/ensure_kernel.js';
import {row, type Row} from '../row.js';
import type {CardLimits} from './card.js';
import {KERNEL_CASES} from './kernel_cases.js';
import {compare, discarding, type Effort} from './timing.js';

/** A row, and what the kernel makes of the card. */
export interface KernelRow extends Row {
  /** Bytes of inputs and outputs, or arithmetic, per second. */
  rate: string;
  /** `rate` as a part of the copy's bandwidth or of the arithmetic measured in registers. */
  share: number;
}

export async function kernelRows(
  limits: CardLimits,
  effort: Effort,
  quick: boolean,
  wanted: (name: string) => boolean,
): Promise<{rows: KernelRow[]; notes: string[]}> {
  const rows: KernelRow[] = [];
  const notes: string[] = [];
  for (const make of KERNEL_CASES) {
    tf.engine().startScope();
    try {
      const {kernel, sizes, inputs, attrs = {}, flops} = make(quick);
      const name = `${kernel} (${sizes})`;
      if (!wanted(name)) continue;
      console.error(`${name} …`);
      const ours = discarding(() => runKernel(kernel, inputs, attrs));
      const plain = discarding(() => composedKernel(kernel)(inputs, attrs));
      try {
        const [a, b] = await compare([ours, plain], effort);
        const use = flops == null ? bytesOf(inputs, kernel, attrs) / a / 1e6 : flops / a / 1e6;
        const limit = flops == null ? limits.copyGBs : limits.fmaGflops;
        const rate = `${use.toPrecision(3)} ${flops == null ? 'GB/s' : 'GFLOP/s'}`;
        rows.push({...row(name, 'ms', [a], [b]), rate, share: use / limit});
      } catch (error) {
        notes.push(`${name}: not measured. ${(error as Error).message}`);
      }
    } finally {
      tf.engine().endScope();
    }
  }
  return {rows, notes};
}

function bytesOf(inputs: tf.NamedTensorMap, kernel: string, attrs: tf.NamedAttrMap): number {
  const outputs = tf.tidy(() => {
    const out = runKernel<tf.Tensor | tf.Tensor[]>(kernel, inputs, attrs);
    return (Array.isArray(out) ? out : [out]).map(({size}) => size);
  });
  const sizes = [...Object.values(inputs).map(({size}) => size), ...outputs];
  return 4 * sizes.reduce((a, b) => a + b, 0);
}
