/** Why a step stopped, the same on all stages. */
import {requireOptions} from '../ops/check_options.js';
import type {JsonValue} from './wire/index.js';

/** Where and why a pipeline stopped. */
export interface Fault {
  /** What went wrong, a sentence without a full stop. */
  reason: string;
  /** Step, counted from 1 as in metrics and progress; outside of one how many were done. */
  step: number;
  /** Stage that found the fault. */
  stage: number;
  /** Microbatch, where it is one's fault. */
  microbatch?: number;
  /** Whether the updates of this step may have been applied on some stages. */
  updating: boolean;
}

/**
 * A step that stopped. All stages of a run get the same fault; the one that found it has the `cause` too, if there is one. A
 * trainer that threw it is of no further use: resume from the last checkpoint.
 */
export class PipelineError extends Error {
  /** Step at which the pipeline stopped, counted from 1 as in metrics and progress; outside a step how many were done. */
  readonly step: number;
  /** Stage that found the fault. */
  readonly stage: number;
  /** Microbatch that it was found in; undefined where it belongs to none. */
  readonly microbatch?: number;

  constructor(
    readonly fault: Fault,
    options?: ErrorOptions,
  ) {
    const example = `{reason: 'out of memory', step: 3, stage: 1, updating: false}`;
    requireOptions('PipelineError', fault, `new PipelineError(${example})`);
    const {step, stage, microbatch, reason, updating} = fault;
    const where = microbatch == null ? '' : `, microbatch ${microbatch}`;
    const state = updating
      ? 'Weights may have been changed on some stages: go on from the last whole checkpoint.'
      : 'No weights were changed in this step.';
    super(`Step ${step} stopped at stage ${stage}${where}: ${reason}. ${state}`, options);
    this.name = 'PipelineError';
    this.step = step;
    this.stage = stage;
    this.microbatch = microbatch;
  }

  /** For an abort frame. */
  toMessage(): JsonValue {
    return {...this.fault};
  }

  /** From an abort frame. */
  static fromMessage(message: JsonValue | undefined): PipelineError {
    const {reason, step, stage, microbatch, updating} = (message ?? {}) as Partial<Fault>;
    return new PipelineError({
      reason: String(reason ?? 'a neighbour gave no reason'),
      step: Number(step ?? 0),
      stage: Number(stage ?? -1),
      ...(microbatch == null ? {} : {microbatch}),
      updating: updating !== false,
    });
  }
}
