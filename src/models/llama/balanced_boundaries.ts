/** Where a stack of equal layers is cut. */
import {checkInteger} from '../../ops/check_values.js';

/**
 * The layers after which boundaries come when `layers` layers are spread over `stages` stages: numbers differ by at most
 * one, and the larger stages stand in the middle, because the first has the embedding and the last the head besides (of
 * these two the first, whose lookup costs no time).
 *
 * @returns `stages − 1` indices; `[0, 1, 2]` for four layers in four stages.
 */
export function balancedBoundaries(layers: number, stages: number): number[] {
  checkInteger('balancedBoundaries', 'layers', layers, 1);
  checkInteger('balancedBoundaries', 'stages', stages, 1);
  const least = Math.floor(layers / stages);
  const sizes = Array.from({length: stages}, () => least);
  const middle = (stages - 1) / 2;
  const order = sizes.map((_, stage) => stage);
  order.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle) || a - b);
  order.slice(0, layers % stages).forEach((stage) => sizes[stage]++);
  let end = -1;
  return sizes.slice(0, -1).map((size) => (end += size));
}
