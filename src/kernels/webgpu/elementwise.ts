/** Programs that go over tensors of one size element by element. */
import type {Components} from './program.js';

/** Invocations of a workgroup of such a program. */
export const ELEMENTWISE_SIZE = 128;

/** Four elements at a time where the size allows. */
export function vectorWidth(size: number): Components {
  return size % 4 === 0 ? 4 : 1;
}

/** WGSL type of `components` floats. */
export function floatType(components: number): string {
  return components === 1 ? 'f32' : `vec${components}<f32>`;
}
