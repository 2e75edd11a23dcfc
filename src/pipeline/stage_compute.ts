/** What a stage computes in a step, without a word about neighbours. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {BoundaryHalf} from '../layers/index.js';
import {sparseCrossEntropy} from '../ops/index.js';
import type {Stage} from './stage.js';
import {StageQuantizers} from './stage_quantizers.js';
import {vjp, type Vjp} from './vjp.js';

/** Loss of the last stage: the sum over all tokens. `output` is what the model gives, `targets` int32 `[batch, time]`. */
export type SumLoss = (output: tf.Tensor, targets: tf.Tensor) => tf.Tensor;

const crossEntropy: SumLoss = (logits, targets) => sparseCrossEntropy(logits, targets, 'sum');

/** Forwards and backwards of one stage, several in flight, and its sums of gradients. */
export class StageCompute {
  private readonly variables: tf.Variable[];
  private readonly flights = new Map<number, Vjp>();
  private readonly quantizers: StageQuantizers;
  private sums: tf.NamedTensorMap = {};
  private heldBytes = 0;
  private peaks = {inFlight: 0, heldBytes: 0, bytes: 0};

  constructor(
    private readonly stage: Stage,
    private readonly recompute: boolean,
    private readonly loss: SumLoss = crossEntropy,
  ) {
    this.quantizers = new StageQuantizers(stage);
    // The master of a projector is not multiplied by; its gradient is that of the two wire copies.
    const master = trainedProjector(stage.encoder)?.boundary.projector;
    const wires = [trainedProjector(stage.decoder), trainedProjector(stage.encoder)]
      .filter((half) => half != null)
      .map((half) => half.wireProjector);
    this.variables = [...stage.trainableWeights.filter((w) => w !== master), ...wires].map(
      variableOf,
    );
  }

  /**
   * Forward of a microbatch, kept for its backward. Frees `inputs` and `targets`.
   * @param tokens With `targets` at the last stage: the loss is the sum divided by this number.
   * @returns The stage's output, or at the last stage the microbatch's part of the loss, a scalar.
   */
  forward(microbatch: number, inputs: tf.Tensor[], targets?: tf.Tensor, tokens = 1): tf.Tensor {
    const all = targets == null ? inputs : [...inputs, targets];
    const count = inputs.length;
    let again = false;
    try {
      const flight = vjp(
        (...given) => {
          this.quantizers.beginCall(microbatch, again);
          again = true;
          const output = this.stage.call(given.slice(0, count), true);
          return targets == null ? output : tf.mul(this.loss(output, given[count]), 1 / tokens);
        },
        all,
        this.variables,
        {recompute: this.recompute},
      );
      this.flights.set(microbatch, flight);
      this.heldBytes += flight.heldBytes;
      this.peak();
      return flight.outputs[0];
    } finally {
      tf.dispose(all);
    }
  }

  /**
   * Backward of a microbatch: adds the gradients of the variables to the sums, and returns that of the first input where one
   * is `wanted`. Frees `dy`.
   */
  backward(microbatch: number, dy: tf.Tensor, wanted: boolean): tf.Tensor | null {
    const flight = this.flights.get(microbatch)!;
    this.flights.delete(microbatch);
    try {
      this.peak();
      const {inputs, variables} = flight.backward([dy]);
      for (const {name} of this.variables) {
        if (variables[name] == null) {
          tf.dispose([variables, inputs.filter((t) => t != null)]);
          throw new Error(
            `the loss does not depend on the weight '${name}': connect it, or make it not trainable`,
          );
        }
      }
      this.add(variables);
      const [dx, ...rest] = inputs;
      tf.dispose(rest.filter((t) => t != null));
      if (!wanted) {
        dx?.dispose();
        return null;
      }
      if (dx == null) {
        throw new Error(`the output does not depend on the activation from the stage before`);
      }
      return dx;
    } finally {
      dy.dispose();
      this.heldBytes -= flight.heldBytes;
    }
  }

  /** Forward alone: the output, or with `targets` the sum of the loss. Frees what it is given. */
  evaluate(inputs: tf.Tensor[], targets?: tf.Tensor): tf.Tensor {
    try {
      return tf.tidy(() => {
        const output = this.stage.call(inputs, false);
        return targets == null ? output : this.loss(output, targets);
      });
    } finally {
      tf.dispose([...inputs, ...(targets == null ? [] : [targets])]);
    }
  }

  /** Once per optimizer step: layers that learn without gradients do so now. */
  endStep(): void {
    this.quantizers.endStep();
  }

  /** Takes the sums of gradients of the step, by variable name. The caller owns them. */
  takeGradients(): tf.NamedTensorMap {
    const {sums} = this;
    this.sums = {};
    return sums;
  }

  /** Takes the peaks since the last call. */
  takePeaks(): {inFlight: number; heldBytes: number; bytes: number} {
    const {peaks} = this;
    this.peaks = {inFlight: 0, heldBytes: 0, bytes: 0};
    return peaks;
  }

  /** Frees all that a step that will not be finished has left. */
  reset(): void {
    this.flights.forEach((flight) => flight.dispose());
    this.flights.clear();
    tf.dispose(this.takeGradients());
    this.quantizers.reset();
    this.heldBytes = 0;
  }

  /** Sums are made in the order of the calls, which is that of the microbatches in every schedule. */
  private add(gradients: tf.NamedTensorMap): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const before = this.sums[name];
      this.sums[name] = before == null ? gradient : tf.add(before, gradient);
      if (before != null) {
        tf.dispose([before, gradient]);
      }
    }
  }

  private peak(): void {
    const {peaks} = this;
    peaks.inFlight = Math.max(peaks.inFlight, this.flights.size);
    peaks.heldBytes = Math.max(peaks.heldBytes, this.heldBytes);
    peaks.bytes = Math.max(peaks.bytes, tf.memory().numBytes);
  }
}

/** The half of a boundary, if its projector is trained. Both stages of a boundary come to the same answer. */
export function trainedProjector<Half extends BoundaryHalf>(half: Half | null): Half | null {
  return half != null && half.boundary.trainable && half.boundary.trainableProjector ? half : null;
}

/** The tfjs variable behind a layer's weight. */
export function variableOf(weight: tfl.LayerVariable): tf.Variable {
  return weight.read() as tf.Variable;
}
