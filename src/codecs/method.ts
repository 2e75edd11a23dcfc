/** A compression method: what goes into the model at a boundary, and what packs each leg. */
import type {LegSpec} from './leg.js';

/** What a method makes of a run's settings. */
export interface MethodPlan {
  /**
   * The `mapl` section of the LLaMA's config (kind of boundary, rank, anchors, projector), without `stages`, `seed` and
   * `boundaries`, which do not depend on the method; null for plain cuts.
   */
  model: MethodModel | null;
  /** Packs activations, or `z`. */
  forward: LegSpec;
  /** Packs gradients. */
  backward: LegSpec;
}

/** Settings of `LlamaMaplConfig` that a method decides on. */
export interface MethodModel {
  kind?: 'projection' | 'subspace' | 'resbm';
  rank: number;
  anchorRank?: number;
  anchors?: AnchorsKind;
  projector?: ProjectorKind;
  anchorStart?: 'zeros' | 'embedding';
  offsetRange?: number;
  /** Filled in where the forward leg is `rvq`: its codebooks are the model's, which then quantises outside a pipeline too. */
  quantizer?: {groups: number; rounds: number; codes: number};
}

/** How a boundary corrects for the tokens: see `LlamaMaplConfig.anchors`. */
export type AnchorsKind = 'factorised' | 'full' | 'static' | 'none';

/** How a projector is trained: see `LlamaMaplConfig.projector`. */
export type ProjectorKind = 'learned' | 'fixed' | 'unconstrained';

/** Settings that belong to some methods only; those that the user did not name are absent. */
export interface MethodOptions {
  anchors?: AnchorsKind;
  projector?: ProjectorKind;
  anchorStart?: 'zeros' | 'embedding';
  offsetRange?: number;
}

/** What a method is asked with. */
export interface MethodRequest {
  stages: number;
  hiddenSize: number;
  rank: number;
  /** Width of anchor tables; null where the user did not name one. */
  anchorRank: number | null;
  /** Number format of what a method leaves uncompressed: `bfloat16` or `float32`. */
  wire: string;
  /** Options of the method, as the user wrote them. A method throws on one that it has no use for. */
  options: MethodOptions;
}

/** A named method: `none`, `fp16`, `int8`, `top-k`, `ssn`, `resbm`, `fixed`, `mapl`, `mapl+rvq`, … */
export interface CompressionMethod {
  /** Name in configs, results and handshakes. */
  readonly name: string;
  /** Raised whenever the same settings make another model or other bytes. */
  readonly version: number;
  /** Name in tables and pages, such as `MAPL + RVQ`. */
  readonly title: string;
  /** One line for help and tables. */
  readonly summary: string;
  /** Where it was published, or 'ours'. */
  readonly source: string;
  /** Throws, naming the setting, on one that does not fit. */
  plan(request: MethodRequest): MethodPlan;
}
