import type {RunConfig} from '../config/schema.js';
import type {BoundaryHealth} from './records.js';

/** Bytes a token over one or all boundaries. */
export interface BytesPerToken {
  forward: number;
  backward: number;
  total: number;
}

/** What a finished (or stopped) run comes to; `summary.json`. */
export interface RunSummary {
  /** Name of the run's folder. */
  name: string;
  /** How it ended. */
  status: 'finished' | 'stopped' | 'failed';
  /** Why it failed. */
  error?: string;
  /** The resolved configuration. */
  config: RunConfig;
  /** Backend of the stages, and why that one. */
  backend: {name: string; reason: string; threads: number; processes: number};
  /** SHA-256 of text, tokenizer and split. */
  dataHash: string;
  /** Trainable numbers of the whole model, boundaries included. */
  parameters: number;
  /** Steps done. */
  steps: number;
  /** Tokens trained on, all sessions. */
  tokens: number;
  /** Seconds spent in training steps, all sessions. */
  seconds: number;
  /** Median over steps, without validations and checkpoints. */
  tokensPerSecond: number;
  /** Losses in nats; null where not measured. */
  loss: {train: number | null; validation: number | null; test: number | null};
  /** Payload that crossed, by boundary and all together; `overhead` is all else in the frames. */
  bytesPerToken: {boundaries: BytesPerToken[]; all: BytesPerToken; overhead: number};
  /** What each stage is made of. */
  stages: Array<{layers: string; parameters: number}>;
  /** Projectors at the end. */
  boundaries: BoundaryHealth[];
  /** Last whole checkpoint, relative to the run's folder. */
  checkpoint: string | null;
  /** Versions that matter for repeating it. */
  versions: Record<string, string>;
}
