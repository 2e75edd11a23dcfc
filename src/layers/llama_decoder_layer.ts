/** One transformer block of a LLaMA. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type {RopeScaling} from '../ops/rotary_tables.js';
import {type BlockOps, blockOps} from './block_ops.js';
import {checkDecoderArgs} from './llama_decoder_args.js';
import type {Kwargs, LayerArgs} from './layer_types.js';
import {checkLength} from './llama_embedding.js';
import {RotaryCache} from './rotary_cache.js';
import {SeededInitializer} from './seeded_initializer.js';
import {type SubspaceArgs, SubspaceCache, subspaceRange} from './subspace_cache.js';

/** Sizes and settings of a {@link LlamaDecoderLayer}; see `LlamaConfig` for their meaning. */
export interface LlamaDecoderSettings {
  hiddenSize: number;
  intermediateSize: number;
  numAttentionHeads: number;
  numKeyValueHeads: number;
  headDim: number;
  rmsNormEps: number;
  ropeTheta: number;
  ropeScaling: RopeScaling | null;
  maxPositionEmbeddings: number;
  attentionBias: boolean;
  mlpBias: boolean;
  initializerRange: number;
  seed: number;
  /** Confines what the block adds to a subspace (SSN): `o_proj` and `down_proj` are `M Uᵀ`, stored as `M [in, k]`. */
  subspace?: SubspaceArgs | null;
}

/** Arguments of {@link LlamaDecoderLayer}. */
export interface LlamaDecoderArgs extends LayerArgs, LlamaDecoderSettings {}

/** Tables start no longer than this; models with huge contexts rarely use them. */
const FIRST_TABLE = 2048;

/**
 * `[batch, time, d]` → `[batch, time, d]`:
 *
 *     y = x + o_proj(attention(rope(q_proj(n)), rope(k_proj(n)), v_proj(n)))    n = input_layernorm(x)
 *     out = y + down_proj(silu(gate_proj(m)) · up_proj(m))                      m = post_attention_layernorm(y)
 *
 * One layer of the model, so that a pipeline cuts between blocks and a block is a handful of kernels. Weights have Hugging
 * Face's names, kernels are `[in, out]`.
 */
export class LlamaDecoderLayer extends tfl.layers.Layer {
  /** @nocollapse */
  static className = 'LlamaDecoderLayer';
  readonly settings: LlamaDecoderSettings;
  private readonly kernels = new Map<string, tfl.LayerVariable>();
  private rotary: RotaryCache | null = null;
  private subspace: SubspaceCache | null = null;

  constructor(args: LlamaDecoderArgs) {
    super(checkDecoderArgs(args));
    this.settings = pickSettings(args);
  }

  override build(): void {
    const {hiddenSize: d, intermediateSize: f, headDim} = this.settings;
    const {ropeTheta: theta, ropeScaling: scaling, attentionBias, mlpBias} = this.settings;
    const q = this.settings.numAttentionHeads * headDim;
    const kv = this.settings.numKeyValueHeads * headDim;
    this.addNorm('input_layernorm', d);
    this.addLinear('self_attn.q_proj', d, q, attentionBias);
    this.addLinear('self_attn.k_proj', d, kv, attentionBias);
    this.addLinear('self_attn.v_proj', d, kv, attentionBias);
    this.addWriter('self_attn.o_proj', q, attentionBias);
    this.addNorm('post_attention_layernorm', d);
    this.addLinear('mlp.gate_proj', d, f, mlpBias);
    this.addLinear('mlp.up_proj', d, f, mlpBias);
    this.addWriter('mlp.down_proj', f, mlpBias);
    const {subspace} = this.settings;
    this.subspace = subspace == null ? null : SubspaceCache.retain(d, subspace);
    const length = Math.min(this.settings.maxPositionEmbeddings, FIRST_TABLE);
    this.rotary = RotaryCache.retain({headDim, theta, scaling}, length);
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor3D;
      const [batch, time, d] = x.shape;
      checkLength(time, this.settings.maxPositionEmbeddings, this.name);
      const ops = blockOps();
      const flat = ops.reshape<tf.Rank.R2>(x, [batch * time, d]);
      const mixed = this.attention(this.norm(flat, 'input_layernorm', ops), batch, time, ops);
      const y = ops.add(flat, mixed) as tf.Tensor2D;
      const out = ops.add(y, this.mlp(this.norm(y, 'post_attention_layernorm', ops), ops));
      return ops.reshape(out, x.shape);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    const {ropeScaling, subspace, ...numbers} = this.settings;
    const config: tf.serialization.ConfigDict = {...super.getConfig(), ...numbers};
    if (ropeScaling != null) config.ropeScaling = {...ropeScaling};
    if (subspace != null) config.subspace = {...subspace};
    return config;
  }

  protected override disposeWeights(): number {
    this.rotary?.release();
    this.rotary = null;
    this.subspace?.release();
    this.subspace = null;
    return super.disposeWeights();
  }

  /** `[n, d]` → `[n, d]`, grouped-query causal self-attention with rotary positions. */
  private attention(x: tf.Tensor2D, batch: number, time: number, ops: BlockOps): tf.Tensor {
    const {numAttentionHeads: heads, numKeyValueHeads: groups, headDim} = this.settings;
    const split = (rows: tf.Tensor, count: number) =>
      tf.transpose(ops.reshape<tf.Rank.R4>(rows, [batch, time, count, headDim]), [0, 2, 1, 3]);
    const {cos, sin} = (this.rotary as RotaryCache).tables(time);
    const q = ops.rotary(split(this.linear(x, 'self_attn.q_proj', ops), heads), cos, sin);
    const k = ops.rotary(split(this.linear(x, 'self_attn.k_proj', ops), groups), cos, sin);
    const v = split(this.linear(x, 'self_attn.v_proj', ops), groups);
    const mixed = tf.transpose(ops.attention(q, k, v), [0, 2, 1, 3]);
    const rows = ops.reshape<tf.Rank.R2>(mixed, [batch * time, heads * headDim]);
    return this.write(rows, 'self_attn.o_proj', ops);
  }

  /** `[n, d]` → `[n, d]`, the gated feed-forward part. */
  private mlp(x: tf.Tensor2D, ops: BlockOps): tf.Tensor {
    const gate = this.linear(x, 'mlp.gate_proj', ops);
    const gated = ops.swiglu(gate, this.linear(x, 'mlp.up_proj', ops));
    return this.write(gated as tf.Tensor2D, 'mlp.down_proj', ops);
  }

  private norm(x: tf.Tensor2D, name: string, ops: BlockOps): tf.Tensor2D {
    return ops.norm(x, this.read(`${name}.weight`), this.settings.rmsNormEps);
  }

  private linear(x: tf.Tensor2D, name: string, ops: BlockOps): tf.Tensor2D {
    const bias = this.kernels.has(`${name}.bias`) ? this.read(`${name}.bias`) : undefined;
    return ops.linear(x, this.read(`${name}.weight`) as tf.Tensor2D, bias);
  }

  /** A projection whose result goes to the residual stream. */
  private write(x: tf.Tensor2D, name: string, ops: BlockOps): tf.Tensor {
    const out = this.linear(x, name, ops);
    return this.subspace == null ? out : this.subspace.widen(out);
  }

  private read(name: string): tf.Tensor {
    return (this.kernels.get(name) as tfl.LayerVariable).read();
  }

  private addNorm(name: string, width: number): void {
    const ones = tfl.initializers.ones();
    this.kernels.set(`${name}.weight`, this.addWeight(`${name}.weight`, [width], 'float32', ones));
  }

  /** The weights of a projection into the residual stream: of width `d`, or of its coordinates in the subspace. */
  private addWriter(name: string, from: number, bias: boolean): void {
    const {hiddenSize: d, initializerRange, subspace} = this.settings;
    const range = subspaceRange(initializerRange, d, subspace);
    this.addLinear(name, from, subspace?.rank ?? d, bias, range);
  }

  private addLinear(
    name: string,
    from: number,
    to: number,
    bias: boolean,
    range = this.settings.initializerRange,
  ): void {
    const weight = `${name}.weight`;
    const normal = new SeededInitializer(range, this.settings.seed, `${this.name}/${weight}`);
    this.kernels.set(weight, this.addWeight(weight, [from, to], 'float32', normal));
    if (bias) {
      const zeros = tfl.initializers.zeros();
      this.kernels.set(`${name}.bias`, this.addWeight(`${name}.bias`, [to], 'float32', zeros));
    }
  }
}
tf.serialization.registerClass(LlamaDecoderLayer);

/** The settings alone, with Hugging Face's spelling restored in the rope scaling (tfjs camel-cases saved configs). */
function pickSettings(args: LlamaDecoderSettings): LlamaDecoderSettings {
  const scaling = Object.entries(args.ropeScaling ?? {}).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return {
    hiddenSize: args.hiddenSize,
    intermediateSize: args.intermediateSize,
    numAttentionHeads: args.numAttentionHeads,
    numKeyValueHeads: args.numKeyValueHeads,
    headDim: args.headDim,
    rmsNormEps: args.rmsNormEps,
    ropeTheta: args.ropeTheta,
    ropeScaling: args.ropeScaling == null ? null : (Object.fromEntries(scaling) as RopeScaling),
    maxPositionEmbeddings: args.maxPositionEmbeddings,
    attentionBias: args.attentionBias,
    mlpBias: args.mlpBias,
    initializerRange: args.initializerRange,
    seed: args.seed,
    subspace: args.subspace ?? null,
  };
}
