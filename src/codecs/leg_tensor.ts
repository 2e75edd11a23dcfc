/** The packed tensor that most legs send: one, of the shape of what crosses. */
import type {FrameTensor} from '../pipeline/wire/index.js';
import type {LegContext} from './leg.js';

/** Name of a leg's packed tensor in its frame. */
export function legTensorName({direction}: Pick<LegContext, 'direction'>): string {
  return direction === 'forward' ? 'activation' : 'gradient';
}

/** Names one packed tensor. */
export function legTensor(
  codec: string,
  context: LegContext,
  shape: readonly number[],
  bytes: Uint8Array,
): FrameTensor {
  return {name: legTensorName(context), codec, dtype: 'float32', shape, bytes};
}

/**
 * The packed tensor of a leg that sends one.
 * @throws Error naming what arrived instead: none or several, of another codec, dtype or width.
 */
export function oneLegTensor(
  codec: string,
  context: LegContext,
  tensors: readonly FrameTensor[],
): FrameTensor {
  const name = legTensorName(context);
  const [found, ...rest] = tensors;
  if (found == null || rest.length > 0 || found.name !== name) {
    const names = tensors.map((tensor) => `'${tensor.name}'`).join(', ') || 'nothing';
    throw new Error(`codec '${codec}' expected one tensor '${name}', got ${names}`);
  }
  if (found.codec !== codec || found.dtype !== 'float32') {
    throw new Error(
      `'${name}' was packed by codec '${found.codec}' from ${found.dtype}, ` +
        `expected codec '${codec}' and float32`,
    );
  }
  const width = found.shape.at(-1);
  if (context.width > 0 && width !== context.width) {
    throw new Error(
      `codec '${codec}': '${name}' of shape [${found.shape.join(', ')}] arrived, ` +
        `expected ${context.width} values a token`,
    );
  }
  return found;
}
