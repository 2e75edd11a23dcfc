/** A compression method: what goes into the model at a boundary, and what packs each leg. */
import type {LegSpec} from './leg.js';

/** What a method makes of a run's settings. */
export interface MethodPlan {
  /** The `mapl` section of the LLaMA's config (boundary layers, anchors, projector), or null for plain cuts. */
  model: Record<string, unknown> | null;
  /** Packs activations, or `z`. */
  forward: LegSpec;
  /** Packs gradients. */
  backward: LegSpec;
}

/** What a method is asked with. */
export interface MethodRequest {
  stages: number;
  hiddenSize: number;
  rank: number;
  anchorRank: number;
  /** Options of the method, as the user wrote them. */
  options: Record<string, unknown>;
}

/** A named method: `none`, `bfloat16`, `int8`, `top-k`, `ssn`, `resbm`, `fixed`, `mapl`, `mapl+rvq`, … */
export interface CompressionMethod {
  readonly name: string;
  readonly version: number;
  /** One line for help and tables. */
  readonly summary: string;
  /** Where it was published, or 'ours'. */
  readonly source: string;
  plan(request: MethodRequest): MethodPlan;
}
