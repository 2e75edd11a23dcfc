/** The forward's way into a stage and out of it, alike in training and in evaluation. */
import type * as tf from '@tensorflow/tfjs-core';
import type {Crossing} from '../codecs/leg.js';
import type {StageTools} from './stage_tools.js';
import type {Parts} from './step_tensors.js';
import type {DataFrame, FrameTensor, JsonValue} from './wire/index.js';

/** What a forward starts from. */
export interface Received {
  /** Inputs of the stage's model; whoever computes frees them. */
  inputs: tf.Tensor[];
  /** What travels on beside the stage's output. */
  ids: FrameTensor[];
  at: Crossing;
}

/**
 * Unpacks what came from the previous stage, or reads the data at the first.
 * @param at Step, and the part of the data that the microbatch is.
 */
export async function receive(
  {tensors, crossings}: StageTools,
  frame: DataFrame | null,
  parts: Parts,
  part: number,
  at: Omit<Crossing, 'keys'>,
): Promise<Received> {
  const keys = crossings.keyed ? tensors.keys(parts, part, frame) : undefined;
  const crossing = crossings.forwardAt(at.step, at.microbatch, at.training, keys);
  const ids = tensors.idsToSend(parts, part, frame, keys);
  const activation = frame == null ? null : await crossings.unpackActivation(frame, crossing);
  return {inputs: tensors.inputs(parts, part, frame, activation), ids, at: crossing};
}

/**
 * Packs the stage's output and sends it to the next stage.
 * @param step That of the frame: evaluations have none of their own.
 */
export async function sendActivation(
  {crossings, lines}: StageTools,
  step: number,
  output: tf.Tensor,
  {ids, at}: Pick<Received, 'ids' | 'at'>,
  message?: JsonValue,
): Promise<void> {
  const tensors = [...(await crossings.packActivation(output, at)), ...ids];
  const {microbatch} = at;
  await lines.send('next', {type: 'activation', step, microbatch, tensors, message});
}

/** A loss as a number; frees the tensor. Throws if it is not finite. */
export async function readLoss(loss: tf.Tensor): Promise<number> {
  const [value] = await loss.data();
  loss.dispose();
  if (!Number.isFinite(value)) {
    throw new Error(`the loss is ${value}`);
  }
  return value;
}
