/**
 * The same LLaMA written with tfjs's own ops alone, as one would without this package: what the fused kernels are compared
 * with. No grouped heads, no positions beyond the batch's.
 */
import * as tf from '@tensorflow/tfjs-core';
import type {LlamaConfig} from '../src/models/llama/index.js';

/** Weights by the names that `llama()` gives them, kernels `[in, out]`. */
export type PlainWeights = Map<string, tf.Variable>;

/** A model: its weights and its loss. */
export class PlainLlama {
  private readonly heads: number;
  private readonly headDim: number;

  constructor(
    private readonly config: LlamaConfig,
    readonly weights: PlainWeights,
  ) {
    this.heads = config.num_attention_heads;
    this.headDim = config.hidden_size / this.heads;
  }

  /** Mean cross-entropy of `targets [b,t]` after `ids [b,t]`. */
  loss(ids: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar {
    const [batch, time] = ids.shape;
    const {vocab_size: vocab, hidden_size: d, num_hidden_layers: layers} = this.config;
    const tables = this.rotaryTables(time);
    // A product with one-hot rows, because the gradient of a gather does not exist on tfjs-wasm.
    const hot = tf.cast(tf.oneHot(tf.reshape(ids, [-1]), vocab), 'float32') as tf.Tensor2D;
    let x: tf.Tensor = tf.matMul(hot, this.weight('model.embed_tokens.weight'));
    for (let i = 0; i < layers; i++) {
      const name = (part: string) => `model.layers.${i}.${part}.weight`;
      const n = this.norm(x, name('input_layernorm'));
      x = tf.add(x, this.attention(n, name, batch, time, tables));
      const m = this.norm(x, name('post_attention_layernorm'));
      const gate = this.linear(m, name('mlp.gate_proj'));
      const up = this.linear(m, name('mlp.up_proj'));
      const gated = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
      x = tf.add(x, this.linear(gated, name('mlp.down_proj')));
    }
    const last = this.norm(tf.reshape(x, [batch * time, d]), 'model.norm.weight');
    const logits = this.linear(last, 'lm_head.weight');
    const picked = tf.mul(tf.logSoftmax(logits), tf.oneHot(tf.reshape(targets, [-1]), vocab));
    return tf.neg(tf.mean(tf.sum(picked, -1))) as tf.Scalar;
  }

  private attention(
    x: tf.Tensor,
    name: (part: string) => string,
    batch: number,
    time: number,
    tables: {cos: tf.Tensor; sin: tf.Tensor},
  ): tf.Tensor {
    const {heads, headDim} = this;
    const split = (part: string) => {
      const rows = this.linear(x, name(`self_attn.${part}`));
      return tf.transpose(tf.reshape(rows, [batch, time, heads, headDim]), [0, 2, 1, 3]);
    };
    const q = this.rotate(split('q_proj'), tables);
    const k = this.rotate(split('k_proj'), tables);
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headDim));
    const row = tf.reshape(tf.range(0, time), [time, 1]);
    const hidden = tf.cast(tf.greater(tf.reshape(tf.range(0, time), [1, time]), row), 'float32');
    const weights = tf.softmax(tf.add(scores, tf.mul(hidden, -1e9)));
    const mixed = tf.transpose(tf.matMul(weights, split('v_proj')), [0, 2, 1, 3]);
    const rows = tf.reshape(mixed, [batch * time, heads * headDim]);
    return this.linear(rows, name('self_attn.o_proj'));
  }

  private rotate(x: tf.Tensor, {cos, sin}: {cos: tf.Tensor; sin: tf.Tensor}): tf.Tensor {
    const [first, second] = tf.split(x, 2, -1);
    return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(second), first], -1), sin));
  }

  private norm(x: tf.Tensor, name: string): tf.Tensor {
    const epsilon = this.config.rms_norm_eps ?? 1e-5;
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
    return tf.mul(tf.mul(x, inverse), this.weight(name));
  }

  private linear(x: tf.Tensor, name: string): tf.Tensor {
    return tf.matMul(x as tf.Tensor2D, this.weight(name));
  }

  private weight(name: string): tf.Tensor2D {
    return this.weights.get(name) as unknown as tf.Tensor2D;
  }

  /** Both `[time, headDim]`, each angle twice. */
  private rotaryTables(time: number): {cos: tf.Tensor; sin: tf.Tensor} {
    const half = this.headDim / 2;
    const theta = this.config.rope_theta ?? 10000;
    const frequency = tf.pow(theta, tf.mul(tf.range(0, half), -1 / half));
    const angles = tf.mul(tf.reshape(tf.range(0, time), [time, 1]), frequency);
    const both = tf.concat([angles, angles], 1);
    return {cos: tf.cos(both), sin: tf.sin(both)};
  }
}
