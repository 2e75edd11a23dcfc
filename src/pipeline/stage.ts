/** One stage of a split model. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {requireOptions} from '../ops/check_options.js';
import {checkList, checkMembers, refuseValue} from '../ops/check_values.js';
import type {BoundaryDecoder, BoundaryEncoder, CompressedBoundary} from '../layers/index.js';

/** What a stage is made of; `splitModel` fills it in. */
export interface StageArgs {
  index: number;
  stages: number;
  model: tfl.LayersModel;
  decoder: BoundaryDecoder | null;
  encoder: BoundaryEncoder | null;
  receives: CompressedBoundary | null;
  sends: CompressedBoundary | null;
  takesIds: boolean;
  sendsIds: boolean;
  modelInputs: readonly string[];
  begins: string;
  ends: string;
}

/**
 * A part of a model that runs in one process. Stage 0 takes the model's input, the others the activation (or a boundary's
 * `z`) of the stage before, and the ids where `takesIds`. All but the last give the activation or `z` for the next.
 */
export class Stage {
  /** Place in the pipeline, 0 to `stages − 1`. */
  readonly index: number;
  /** Number of stages of the pipeline. */
  readonly stages: number;
  /** The layers of this stage: the same instances, with the same weights and names, as in the whole model. */
  readonly model: tfl.LayersModel;
  /** Receiving half of the boundary at the input; null at the first stage and after a plain cut. */
  readonly decoder: BoundaryDecoder | null;
  /** Sending half of the boundary at the output; null at the last stage and before a plain cut. */
  readonly encoder: BoundaryEncoder | null;
  /** The boundary at the input, of whatever class; null at the first stage and after a plain cut. */
  readonly receives: CompressedBoundary | null;
  /** The boundary at the output, of whatever class; null at the last stage and before a plain cut. */
  readonly sends: CompressedBoundary | null;
  /** Whether the stage's model has the ids as an input besides the activation. Always false at the first stage. */
  readonly takesIds: boolean;
  /** Whether ids travel to the next stage, because that or a later one needs them. */
  readonly sendsIds: boolean;
  /** Names of the whole model's inputs, for checks: a `StageTrainer` has data for one. */
  readonly modelInputs: readonly string[];
  /** Where the stage begins, in words: the model's input, a boundary, or the layer it comes after. */
  readonly begins: string;
  /** Where the stage ends, in words. */
  readonly ends: string;

  constructor(args: StageArgs) {
    requireOptions('Stage', args, 'splitModel(model, {stages: 2}), which makes them');
    const {index, stages} = args;
    checkMembers('Stage', 'model', args.model, ['weights', 'layers'], 'a model of tfjs-layers');
    if (!(Number.isInteger(stages) && Number.isInteger(index) && index >= 0 && index < stages)) {
      throw new Error(
        `Stage: index is ${String(index)} of stages ${String(stages)}, expected whole numbers, index ` +
          `below stages: let splitModel(model, {stages}) make stages.`,
      );
    }
    this.index = args.index;
    this.stages = args.stages;
    this.model = args.model;
    this.decoder = args.decoder;
    this.encoder = args.encoder;
    this.receives = args.receives;
    this.sends = args.sends;
    this.takesIds = args.takesIds;
    this.sendsIds = args.sendsIds;
    this.modelInputs = args.modelInputs;
    this.begins = args.begins;
    this.ends = args.ends;
  }

  /** Whether this is the first stage, which reads ids from the data. */
  get isFirst(): boolean {
    return this.index === 0;
  }

  /** Whether this is the last stage, which computes the loss. */
  get isLast(): boolean {
    return this.index === this.stages - 1;
  }

  /** All weights that this stage owns, with the names of the whole model: what its checkpoint shard holds. */
  get weights(): tfl.LayerVariable[] {
    return [...new Set(this.model.weights)];
  }

  /** Weights that the stage's optimizer updates, the master of its outgoing projector among them. */
  get trainableWeights(): tfl.LayerVariable[] {
    return [...new Set(this.model.trainableWeights)];
  }

  /** The master of the outgoing projector and its wire copies, if it is to be trained. */
  get trainsProjector(): boolean {
    return this.encoder != null && this.trainableWeights.includes(this.encoder.boundary.projector);
  }

  /** Number of parameters of the stage. */
  get parameters(): number {
    return this.weights.reduce(
      (sum, w) => sum + w.shape.reduce<number>((p, n) => p * (n ?? 1), 1),
      0,
    );
  }

  /**
   * Runs the stage's layers.
   * @param inputs `[ids]` at the first stage, `[activation]` or `[activation, ids]` at the others.
   */
  call(inputs: tf.Tensor[], training: boolean): tf.Tensor {
    const output = this.model.apply(inputs.length === 1 ? inputs[0] : inputs, {training});
    return (Array.isArray(output) ? output[0] : output) as tf.Tensor;
  }

  /** Lets go of the layers; the weights are freed once the whole model is disposed too. */
  dispose(): void {
    this.model.dispose();
  }
}

/** Throws unless `stage` is one. */
export function checkStage(where: string, stage: Stage): void {
  if (!(stage instanceof Stage)) {
    refuseValue(where, 'stage', stage, 'a stage that splitModel made');
  }
}

/**
 * Frees the weights of all stages but one: what a process that runs a single stage does after splitting. The whole model
 * and the other stages are of no use afterwards and must not be disposed.
 */
export function keepStage(stages: Stage[], index: number): Stage {
  checkList('keepStage', 'stages', stages, 'the stages that splitModel made');
  const stage = stages[index];
  if (stage == null) {
    throw new Error(
      `keepStage: there is no stage ${String(index)}, expected 0 to ${stages.length - 1}.`,
    );
  }
  const needed = new Set(variablesOf(stage));
  for (const variable of new Set(stages.flatMap(variablesOf))) {
    if (!needed.has(variable)) {
      variable.dispose();
    }
  }
  return stage;
}

function variablesOf(stage: Stage): tfl.LayerVariable[] {
  const halves = [stage.decoder, stage.encoder].filter((half) => half != null);
  return [...stage.weights, ...halves.map((half) => half.wireProjector)];
}
