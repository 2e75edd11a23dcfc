/** Tensors as rows: what crosses of one token is a row. */
import {elementsOf} from './check_bytes.js';

/** Tokens and values a token of a shape. A scalar is one token of one value. */
export function rowsOf(codec: string, shape: readonly number[]): {tokens: number; width: number} {
  const elements = elementsOf(codec, shape);
  const width = shape.at(-1) ?? 1;
  return {width, tokens: width === 0 ? 0 : elements / width};
}
