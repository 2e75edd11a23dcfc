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

/**
 * Residual vector quantisation: `z [n,r]`, `codebooks [R,G,K,r/G]` → `indices int32 [R,n,G]`, in each round and group the code
 * nearest to the residual in squared Euclidean distance (of differences, not of products, which would cancel), of equally
 * near ones the lowest. The op refuses values that are not finite where it can read them; kernels that get them from a GPU
 * give −1: in all rounds of a row's group that holds one, in all rows of a round's group whose codes hold one.
 */
export const RvqEncode = 'RvqEncode';
export type RvqEncodeInputs = Inputs<'z' | 'codebooks'>;

/** `indices int32 [R,n,G]`, `codebooks [R,G,K,r/G]` → `[n,r]`: the sum of the codes, in the order of the rounds. */
export const RvqDecode = 'RvqDecode';
export type RvqDecodeInputs = Inputs<'indices' | 'codebooks'>;

/** Polar factor `Y(YᵀY)^{-1/2}` of each matrix of `y [b,m,n]`. */
export const PolarFactor = 'PolarFactor';
export type PolarFactorInputs = Inputs<'y'>;
/** Polar Express steps, extra copies of the third of them, classical quintic steps at the end. */
export interface PolarFactorAttrs {
  steps: number;
  repeats: number;
  finishing: number;
}

/**
 * Adjoint (which is also the differential) of the polar factor `u [b,m,n]` of `y [b,m,n]`, applied to `dy [b,m,n]` →
 * `[b,m,n]`; attributes of `PolarFactor`.
 */
export const PolarFactorGrad = 'PolarFactorGrad';
export type PolarFactorGradInputs = Inputs<'y' | 'u' | 'dy'>;

/** `x / sqrt(mean(x²) + ε) · weight`: `x [n,d]`, `weight [d]` → `[n,d]`. */
export const RmsNorm = 'RmsNorm';
export type RmsNormInputs = Inputs<'x' | 'weight'>;
export interface RmsNormAttrs {
  epsilon: number;
}

/** `x [n,d]`, `weight [d]`, `dy [n,d]` → `dx [n,d]`, `dweight [d]`; attributes of `RmsNorm`. */
export const RmsNormGrad = 'RmsNormGrad';
export type RmsNormGradInputs = Inputs<'x' | 'weight' | 'dy'>;

/** Rotate-half rotary embedding: `x [b,h,t,k]`, `cos, sin [t,k/2]` → `[b,h,t,k]`. */
export const RotaryEmbedding = 'RotaryEmbedding';
export type RotaryEmbeddingInputs = Inputs<'x' | 'cos' | 'sin'>;

/** `silu(gate) · up`, both `[n,f]`. */
export const SwiGLU = 'SwiGLU';
export type SwiGLUInputs = Inputs<'gate' | 'up'>;

/** `gate, up, dy [n,f]` → `dgate [n,f]`, `dup [n,f]`. */
export const SwiGLUGrad = 'SwiGLUGrad';
export type SwiGLUGradInputs = Inputs<'gate' | 'up' | 'dy'>;

/**
 * Causal softmax attention with grouped key/value heads: `q [b,h,tq,k]`, `k, v [b,g,tk,k]`, `h % g == 0`, `tq <= tk`;
 * query `i` sees keys `0 … tk − tq + i`. Outputs `out [b,h,tq,k]` and the log-sum-exp of the scores `lse [b,h,tq]`.
 */
export const CausalAttention = 'CausalAttention';
export type CausalAttentionInputs = Inputs<'q' | 'k' | 'v'>;
export interface CausalAttentionAttrs {
  scale: number;
}

/**
 * Inputs and outputs of `CausalAttention` and the gradient of `out`: `q, out, dout [b,h,tq,k]`, `k, v [b,g,tk,k]`,
 * `lse [b,h,tq]` → `dq`, `dk`, `dv` in the shapes of `q`, `k`, `v`; attributes of `CausalAttention`.
 */
export const CausalAttentionGrad = 'CausalAttentionGrad';
export type CausalAttentionGradInputs = Inputs<'q' | 'k' | 'v' | 'out' | 'lse' | 'dout'>;

/** `lse(logits) − logits[target]`: `logits [n,V]`, `targets int32 [n]` → `loss [n]`, `lse [n]`. */
export const SparseCrossEntropy = 'SparseCrossEntropy';
export type SparseCrossEntropyInputs = Inputs<'logits' | 'targets'>;

/** `(softmax(logits) − onehot(targets)) · dloss`: `logits [n,V]`, `targets int32 [n]`, `lse, dloss [n]` → `[n,V]`. */
export const SparseCrossEntropyGrad = 'SparseCrossEntropyGrad';
export type SparseCrossEntropyGradInputs = Inputs<'logits' | 'targets' | 'lse' | 'dloss'>;

/** Sums the rows of one id: `rows [n,a]`, `ids int32 [n]` → `[numSegments,a]`, in the order of the rows. On a GPU all
 * sums are NaN if an id is out of range. */
export const ScatterRows = 'ScatterRows';
export type ScatterRowsInputs = Inputs<'rows' | 'ids'>;
export interface ScatterRowsAttrs {
  numSegments: number;
}

/** One step of AdamW on `value`, `gradient`, `first`, `second` of one shape → new value, first and second moment. */
export const AdamWUpdate = 'AdamWUpdate';
export type AdamWUpdateInputs = Inputs<'value' | 'gradient' | 'first' | 'second'>;
/** Float64; the products of them that the kernel needs are rounded once. */
export interface AdamWUpdateAttrs {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Updates including this one: 1 at the first. */
  t: number;
}

/** Muon's momentum: `momentum`, `gradient` of one shape → new momentum and the direction that is to be orthogonalised. */
export const MuonUpdate = 'MuonUpdate';
export type MuonUpdateInputs = Inputs<'momentum' | 'gradient'>;
export interface MuonUpdateAttrs {
  beta: number;
  /** Looks ahead along the momentum. */
  nesterov: boolean;
}

/**
 * Sums of squares of any number of tensors: a variadic list as of `tf.Concat`, inputs `'0'`, `'1'`, … → float32 `[n]`, one sum
 * a tensor.
 */
export const GlobalNorm = 'GlobalNorm';
export type GlobalNormInputs = NamedTensorInfoMap;

/**
 * Float32 of any shape → IEEE 754 halves, two a word: int32 `[ceil(size / 2)]`, element `2 i` in the lower 16 bits of word `i`.
 * To nearest, ties to even; infinity from 65520 on; every NaN is 0x7e00; what rounds to zero is +0.
 */
export const PackHalf = 'PackHalf';
export type PackHalfInputs = Inputs<'x'>;

/** What `PackHalf` made, `int32 [ceil(size / 2)]` → float32 of `shape`, exactly. */
export const UnpackHalf = 'UnpackHalf';
export type UnpackHalfInputs = Inputs<'packed'>;
export interface UnpackHalfAttrs {
  shape: number[];
}
