import type {BoundaryHealth} from '../../diagnostics/boundary_probe.js';

export type {BoundaryHealth};

/** One optimizer step, as the run's metrics file has it. */
export interface StepRecord {
  kind: 'step';
  /** Steps done, from 1. */
  step: number;
  /** Mean training loss of the step's tokens, nats. */
  loss: number;
  /** Gradient norm over all stages, before clipping. */
  gradientNorm: number;
  /** Share of the full learning rates, 0 to 1. */
  rate: number;
  /** Tokens of the step. */
  tokens: number;
  /** Wall time of the step. */
  seconds: number;
  /** Payload that crossed each boundary downstream in this step: activations, ids, projectors. */
  forwardBytes: number[];
  /** Payload that crossed each boundary upstream: gradients, halves of projector gradients. */
  backwardBytes: number[];
  /** Bytes of frames beside payload, all boundaries, both ways: headers, norms, losses, credit. */
  overheadBytes: number;
  /** Share of the step that each stage spent waiting for neighbours. */
  waiting: number[];
}

/** A loss on held-out text. */
export interface EvaluationRecord {
  kind: 'evaluation';
  step: number;
  split: 'validation' | 'test';
  /** Mean loss, nats a token. */
  loss: number;
  /** Tokens it was measured on. */
  tokens: number;
}

/** Measurements of all projectors. */
export interface DiagnosticsRecord {
  kind: 'diagnostics';
  step: number;
  boundaries: BoundaryHealth[];
}

/** A checkpoint was written. */
export interface CheckpointRecord {
  kind: 'checkpoint';
  step: number;
  /** Folder, relative to the run. */
  folder: string;
}

/** A line of `metrics.jsonl`. */
export type MetricsRecord = StepRecord | EvaluationRecord | DiagnosticsRecord | CheckpointRecord;
