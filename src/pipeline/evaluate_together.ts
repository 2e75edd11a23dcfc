/** Forward alone, on all stages. */
import {EVALUATION} from './inbox.js';
import {readLoss, receive, sendActivation} from './receive.js';
import type {StageTools} from './stage_tools.js';
import type {StepData} from './trainer_args.js';

/**
 * Mean loss over all tokens of some batches, the same on all stages.
 *
 * @param onBatch Called on the last stage after each batch, with how many are done.
 */
export async function evaluateTogether(
  tools: StageTools,
  batches: readonly StepData[],
  onBatch?: (done: number) => void,
): Promise<number> {
  const {stage, lines, tensors, compute} = tools;
  const {isFirst, isLast} = stage;
  if ((isFirst || isLast) && batches.length === 0) {
    throw new Error('evaluate(batches) got no batches');
  }
  const {step} = lines.at;
  let sum = 0;
  let tokens = 0;
  for (let i = 0, more = true; more; i++) {
    lines.at.microbatch = i;
    const parts = tensors.divide(batches[i] ?? {}, 1);
    const frame = await lines.take('previous', 'activation', EVALUATION, i);
    const message = frame?.message as {more?: boolean} | undefined;
    more = message?.more ?? i + 1 < batches.length;
    if ((isFirst || isLast) && more !== i + 1 < batches.length) {
      throw new Error(
        `evaluate(batches) got ${batches.length} batches, the first stage another number`,
      );
    }
    const at = {step, microbatch: i, training: false};
    const received = await receive(tools, frame, parts, 0, at);
    if (isLast) {
      sum += await readLoss(compute.evaluate(received.inputs, tensors.targets(parts, 0)));
      tokens += parts.rows * parts.time;
      onBatch?.(i + 1);
    } else {
      const output = compute.evaluate(received.inputs);
      await sendActivation(tools, EVALUATION, output, received, {more});
    }
  }
  lines.at.microbatch = undefined;
  const result = await lines.take('next', 'reduce', EVALUATION);
  const loss = result == null ? sum / tokens : (result.message as {loss: number}).loss;
  await lines.send('previous', {type: 'reduce', step: EVALUATION, message: {loss}});
  await lines.flush();
  return loss;
}
