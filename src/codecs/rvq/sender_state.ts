/** State of the sending end in checkpoints. */
import * as tf from '@tensorflow/tfjs-core';
import type {CodebookWeights} from '../../layers/quantizer/codebook_weights.js';
import {writeWeight} from '../../layers/layer_weight.js';
import type {CodebookSize} from '../../layers/quantizer/quantizer_settings.js';
import type {LegState} from '../leg.js';
import type {CodebookSenderState} from './codebook_sender.js';
import {NAME} from './rvq_options.js';

/** What a sender saves besides its codebooks. */
export interface SenderState {
  /** Null in the warm-up. */
  streaming: CodebookSenderState | null;
  /** Microbatches of the last step. */
  microbatches: number;
}

/** Packs the state. `own` are the codebooks, where no layer of the model has them. */
export async function packState(
  {streaming, microbatches}: SenderState,
  own: CodebookWeights | null,
): Promise<LegState> {
  const {position = 0, version = 0, seq = 0} = streaming ?? {};
  const counters = Int32Array.of(streaming == null ? 0 : 1, position, version, seq, microbatches);
  const state: LegState = {counters: {dtype: 'int32', shape: [5], values: counters}};
  if (streaming != null) {
    const values = Int32Array.from(streaming.wire);
    state.wire = {dtype: 'int32', shape: [values.length], values};
  }
  for (const [name, weight] of own == null ? [] : weightsOf(own)) {
    const tensor = weight.read();
    const values = (await tensor.data()) as Float32Array;
    state[name] = {dtype: 'float32', shape: [...tensor.shape], values: values.slice()};
  }
  return state;
}

/**
 * Unpacks it, and writes the codebooks.
 *
 * @throws Error naming the entry that is missing, unknown or of another shape; then nothing was written.
 */
export function unpackState(
  state: LegState,
  own: CodebookWeights | null,
  size: CodebookSize,
): SenderState {
  const weights = own == null ? [] : weightsOf(own);
  const expected = new Map<string, number[]>(
    weights.map(([name, weight]) => [name, weight.shape as number[]]),
  );
  expected.set('counters', [5]);
  const counters = state.counters?.values ?? [0];
  const {rounds, groups, codes, width} = size;
  if (counters[0] === 1) {
    expected.set('wire', [rounds * groups * codes * width]);
  }
  for (const name of new Set([...expected.keys(), ...Object.keys(state)])) {
    const shape = expected.get(name);
    const found = state[name];
    if (shape == null || found == null) {
      const what = shape == null ? 'is none of its entries' : 'is missing';
      throw new Error(
        `codec '${NAME}': state: '${name}' ${what}, expected ${[...expected.keys()].join(', ')}.`,
      );
    }
    if (!tf.util.arraysEqual(found.shape, shape)) {
      throw new Error(
        `codec '${NAME}': state: '${name}' has shape [${found.shape.join(', ')}], expected [${shape.join(', ')}].`,
      );
    }
  }
  for (const [name, weight] of weights) {
    writeWeight(weight, state[name].values as Float32Array);
  }
  const [ready, position, version, seq, microbatches] = counters;
  const streaming =
    ready === 1 ? {wire: Uint16Array.from(state.wire.values), position, version, seq} : null;
  return {streaming, microbatches};
}

/** Names in the state, and the weights. */
function weightsOf(own: CodebookWeights) {
  return own.all.map((weight) => [weight.originalName.split('/').at(-1)!, weight] as const);
}
