/** The checks that every codec of fixed width makes. */
import {checkBytes as checkKind, checkList, refuseValue} from '../ops/check_values.js';

/** Number of elements of `shape`. Throws unless every dimension is a whole number from 0 up. */
export function elementsOf(codec: string, shape: readonly number[]): number {
  let elements = 1;
  checkList(`codec '${codec}'`, 'shape', shape, 'an array of whole numbers, such as [2, 16]');
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new Error(
        `codec '${codec}': shape [${shape.join(', ')}] has the dimension ${dimension}; ` +
          'every dimension must be a whole number, 0 or more.',
      );
    }
    elements *= dimension;
  }
  if (!Number.isSafeInteger(elements)) {
    throw new Error(`codec '${codec}': shape [${shape.join(', ')}] has too many elements.`);
  }
  return elements;
}

/** Throws unless `values` is an array of that kind with as many elements as `shape`: of another kind its bits would be read wrongly. */
export function checkValues(
  codec: string,
  values: Float32Array | Int32Array,
  kind: typeof Float32Array | typeof Int32Array,
  shape: readonly number[],
): void {
  const elements = elementsOf(codec, shape);
  if (!(values instanceof kind)) {
    refuseValue(`codec '${codec}'`, 'values', values, `a ${kind.name}, as tensor.data() gives`);
  }
  const {length} = values;
  if (length !== elements) {
    throw new Error(
      `codec '${codec}': pack got ${length} values for the shape [${shape.join(', ')}], ` +
        `which has ${elements} elements.`,
    );
  }
}

/** Throws unless `bytes` holds `width` bytes for each element of `shape`. */
export function checkBytes(
  codec: string,
  bytes: Uint8Array,
  shape: readonly number[],
  width: number,
): void {
  const {byteLength} = checkKind(`codec '${codec}'`, 'bytes', bytes);
  const expected = elementsOf(codec, shape) * width;
  if (byteLength !== expected) {
    throw new Error(
      `codec '${codec}': unpack got ${byteLength} bytes for the shape [${shape.join(', ')}], ` +
        `which takes ${expected} bytes; the data is cut off or was packed by another codec.`,
    );
  }
}

/** The bytes at an address that typed arrays accept, in a buffer of their own. */
export function alignedCopy(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}
