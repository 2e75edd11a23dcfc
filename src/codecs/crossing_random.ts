/** Random numbers of one crossing, by a counter: any of them can be drawn in any order, on either end, and again after a resume. */
import {weightSeed} from '../layers/weight_seed.js';
import type {Crossing, LegContext} from './leg.js';

/** Number `i` of a sequence of uniform numbers in [0, 1) with 24 random bits. */
export type Uniform = (i: number) => number;

/** Rounds to nearest where a uniform number would round up or down by chance; halves go up. */
export const NEAREST: Uniform = () => 0.5;

/** Numbers of what crosses this leg in this step and microbatch: others than those of every other crossing of the run. */
export function crossingUniform(
  {seed, boundary, direction}: Pick<LegContext, 'seed' | 'boundary' | 'direction'>,
  {step, microbatch}: Pick<Crossing, 'step' | 'microbatch'>,
): Uniform {
  const key = weightSeed(seed, `legs/${boundary}/${direction}/${step}/${microbatch}`);
  const low = key | 0;
  const high = Math.floor(key / 2 ** 32) | 0;
  return (i) => (mix(mix((i + low) | 0) ^ high) >>> 8) / 2 ** 24;
}

/** `triple32` of Christopher Wellons' hash prospector (public domain): every output bit depends on every input bit. */
function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 17), 0xed5ad4bb);
  h = Math.imul(h ^ (h >>> 11), 0xac4c1b51);
  h = Math.imul(h ^ (h >>> 15), 0x31848bab);
  return h ^ (h >>> 14);
}
