/** One stage's part in one training step. */
import * as tf from '@tensorflow/tfjs-core';
import {allFinite} from '../codecs/finite.js';
import {sumOfSquares} from '../optimizers/clipping.js';
import {readLoss, receive, sendActivation} from './receive.js';
import type {StageTools} from './stage_tools.js';
import type {Parts} from './step_tensors.js';

/** What all stages know after a step. */
export interface StepResult {
  loss: number;
  norm: number;
  tokens: number;
}

/** Runs forwards and backwards in the order of the schedule, then updates the weights. */
export class StageStep {
  private lossSum = 0;
  private readonly tokens: number;

  constructor(
    private readonly tools: StageTools,
    private readonly parts: Parts,
  ) {
    this.tokens = parts.rows * tools.schedule.microbatches * parts.time;
  }

  async run(): Promise<StepResult> {
    const {schedule, stage, lines} = this.tools;
    for (const {type, microbatch} of schedule.actions[stage.index]) {
      lines.at.microbatch = microbatch;
      await (type === 'F' ? this.forward(microbatch) : this.backward(microbatch));
    }
    lines.at.microbatch = undefined;
    return this.finish();
  }

  private async forward(microbatch: number): Promise<void> {
    const {lines, tensors, compute, stage} = this.tools;
    const {step} = lines.at;
    const frame = await lines.take('previous', 'activation', step, microbatch);
    const at = {step, microbatch, training: true};
    const received = await receive(this.tools, frame, this.parts, microbatch, at);
    const {inputs} = received;
    if (stage.isLast) {
      const targets = tensors.targets(this.parts, microbatch);
      this.lossSum += await readLoss(compute.forward(microbatch, inputs, targets, this.tokens));
      return;
    }
    await sendActivation(this.tools, step, compute.forward(microbatch, inputs), received);
  }

  private async backward(microbatch: number): Promise<void> {
    const {lines, crossings, compute, stage} = this.tools;
    const {step} = lines.at;
    const frame = await lines.take('next', 'gradient', step, microbatch);
    const at = crossings.backwardAt(step, microbatch);
    const dy = frame == null ? tf.scalar(1) : await crossings.unpackGradient(frame, at);
    const dx = compute.backward(microbatch, dy, !stage.isFirst);
    if (dx != null) {
      const tensors = await crossings.packGradient(dx, at);
      await lines.send('previous', {type: 'gradient', step, microbatch, tensors});
    }
  }

  /** Reduce, commit, update, new projectors. */
  private async finish(): Promise<StepResult> {
    const {lines, projectors, compute, optimizer, crossings} = this.tools;
    const {step} = lines.at;
    const gradients = compute.takeGradients();
    try {
      const reduced = await lines.take('next', 'reduce', step);
      const own = {squares: [] as number[], loss: this.lossSum, tokens: this.tokens};
      const below = (reduced?.message as unknown as typeof own | undefined) ?? own;
      const half = await projectors.reduce(gradients, reduced?.tensors ?? []);
      const squares = [await squaresOf(gradients), ...below.squares];
      await lines.send('previous', {
        type: 'reduce',
        step,
        tensors: half == null ? [] : [half],
        message: {squares, loss: below.loss, tokens: below.tokens},
      });
      const committed = await lines.take('previous', 'commit', step);
      // Summed by the first stage in the order of the stages: the same bits wherever they run.
      const norm =
        committed == null
          ? Math.sqrt(squares.reduce((sum, value) => sum + value, 0))
          : (committed.message as {norm: number}).norm;
      lines.at.updating = true;
      await lines.send('next', {type: 'commit', step, message: {norm}});
      optimizer.applyGradients(gradients, {globalNorm: norm});
      if (projectors.sends) {
        await lines.send('next', {type: 'control', step, tensors: [await projectors.pack()]});
      }
      if (projectors.receives) {
        projectors.unpack((await lines.take('previous', 'control', step))!);
      }
      compute.endStep();
      await crossings.endStep(step);
      await lines.flush();
      lines.at.updating = false;
      return {loss: below.loss, norm, tokens: below.tokens};
    } finally {
      tf.dispose(gradients);
    }
  }
}

/** Sum of squares of a stage's gradients. Throws, naming a weight, if it is not finite. */
async function squaresOf(gradients: tf.NamedTensorMap): Promise<number> {
  const sum = await sumOfSquares(gradients);
  if (Number.isFinite(sum)) {
    return sum;
  }
  for (const [name, gradient] of Object.entries(gradients)) {
    if (!allFinite((await gradient.data()) as Float32Array)) {
      throw new Error(`the gradient of '${name}' has NaN or infinity`);
    }
  }
  throw new Error(`the sum of squares of the gradients is ${sum}`);
}
