/**
 * Names, inputs and attributes of the kernels that this package registers. Shapes are those the kernels see: ops
 * flatten leading dimensions before they call `runKernel`.
 */
import type {NamedTensorInfoMap, TensorInfo} from '@tensorflow/tfjs-core';

type Inputs<T extends string> = {[K in T]: TensorInfo} & NamedTensorInfoMap;

/** `z = x A − E[ids](P A)`: `x [n,d]`, `ids int32 [n]`, `projector [d,r]`, `anchors [V,a]`, `basis [a,d]` → `[n,r]`. */
export const BoundaryEncode = 'BoundaryEncode';
export type BoundaryEncodeInputs = Inputs<'x' | 'ids' | 'projector' | 'anchors' | 'basis'>;

/** `x̂ = z Aᵀ + E[ids] P`: `z [n,r]`, `ids int32 [n]`, `projector [d,r]`, `anchors [V,a]`, `basis [a,d]` → `[n,d]`. */
export const BoundaryDecode = 'BoundaryDecode';
export type BoundaryDecodeInputs = Inputs<'z' | 'ids' | 'projector' | 'anchors' | 'basis'>;

/** Polar factor `Y(YᵀY)^{-1/2}` of each matrix of `y [b,m,n]`. */
export const PolarFactor = 'PolarFactor';
export type PolarFactorInputs = Inputs<'y'>;

/** `x / sqrt(mean(x²) + ε) · weight`: `x [n,d]`, `weight [d]` → `[n,d]`. */
export const RmsNorm = 'RmsNorm';
export type RmsNormInputs = Inputs<'x' | 'weight'>;
export interface RmsNormAttrs {
  epsilon: number;
}

/** Rotate-half rotary embedding: `x [b,h,t,k]`, `cos, sin [t,k/2]` → `[b,h,t,k]`. */
export const RotaryEmbedding = 'RotaryEmbedding';
export type RotaryEmbeddingInputs = Inputs<'x' | 'cos' | 'sin'>;

/** `silu(gate) · up`, both `[n,f]`. */
export const SwiGLU = 'SwiGLU';
export type SwiGLUInputs = Inputs<'gate' | 'up'>;

/**
 * Causal softmax attention with grouped key/value heads: `q [b,h,tq,k]`, `k, v [b,g,tk,k]`, `h % g == 0`, `tq <= tk`;
 * query `i` sees keys `0 … tk − tq + i`. Outputs `out [b,h,tq,k]` and the log-sum-exp of the scores `lse [b,h,tq]`.
 */
export const CausalAttention = 'CausalAttention';
export type CausalAttentionInputs = Inputs<'q' | 'k' | 'v'>;
export interface CausalAttentionAttrs {
  scale: number;
}

/** `lse(logits) − logits[target]`: `logits [n,V]`, `targets int32 [n]` → `loss [n]`, `lse [n]`. */
export const SparseCrossEntropy = 'SparseCrossEntropy';
export type SparseCrossEntropyInputs = Inputs<'logits' | 'targets'>;
