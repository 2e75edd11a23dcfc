/** The list of a LLaMA's weights: their names and shapes here and in Hugging Face files. */
import type {ResolvedLlamaConfig} from './llama_config.js';

/** One weight. */
export interface LlamaParameter {
  /** Layer that owns it, such as `model.layers.0`. */
  layer: string;
  /** Full name in the model, such as `model.layers.0/self_attn.q_proj.weight`. */
  weight: string;
  /** Shape in the model; kernels are `[in, out]`. */
  shape: number[];
  /** Name in a file, such as `model.layers.0.self_attn.q_proj.weight`. */
  tensor: string;
  /** Whether the file has it transposed, `[out, in]`. */
  transposed: boolean;
}

/**
 * The weights that the model has under the names of a Hugging Face LLaMA, in the order of its layers: all of them, but for
 * those that `mapl.kind` `'subspace'` confines, which {@link maplParameters} lists.
 */
export function llamaParameters(config: ResolvedLlamaConfig): LlamaParameter[] {
  return hubParameters(config).filter(({weight}) => !isConfined(config, weight));
}

/** Whether a weight only holds coordinates inside the subspace of a Subspace Network. */
export function isConfined({mapl}: ResolvedLlamaConfig, weight: string): boolean {
  if (mapl?.kind !== 'subspace' || mapl.stages < 2) {
    return false;
  }
  const [, block] =
    /^model\.layers\.(\d+)\/(?:self_attn\.o_proj|mlp\.down_proj)\./.exec(weight) ?? [];
  const last = mapl.boundaries[mapl.boundaries.length - 1];
  return weight === 'model.embed_tokens/weight' || (block != null && Number(block) <= last);
}

/** The weights that every Hugging Face LLaMA of this config has, in the order of its layers. */
export function hubParameters(config: ResolvedLlamaConfig): LlamaParameter[] {
  const {hidden_size: d, intermediate_size: f, vocab_size: vocabulary} = config;
  const q = config.num_attention_heads * config.head_dim;
  const kv = config.num_key_value_heads * config.head_dim;
  const list: LlamaParameter[] = [];
  const add = (layer: string, name: string, shape: number[], transposed: boolean) =>
    list.push({layer, weight: `${layer}/${name}`, shape, tensor: `${layer}.${name}`, transposed});
  add('model.embed_tokens', 'weight', [vocabulary, d], false);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `model.layers.${i}`;
    const linear = (name: string, from: number, to: number, bias: boolean) => {
      add(layer, `${name}.weight`, [from, to], true);
      if (bias) add(layer, `${name}.bias`, [to], false);
    };
    add(layer, 'input_layernorm.weight', [d], false);
    linear('self_attn.q_proj', d, q, config.attention_bias);
    linear('self_attn.k_proj', d, kv, config.attention_bias);
    linear('self_attn.v_proj', d, kv, config.attention_bias);
    linear('self_attn.o_proj', q, d, config.attention_bias);
    add(layer, 'post_attention_layernorm.weight', [d], false);
    linear('mlp.gate_proj', d, f, config.mlp_bias);
    linear('mlp.up_proj', d, f, config.mlp_bias);
    linear('mlp.down_proj', f, d, config.mlp_bias);
  }
  add('model.norm', 'weight', [d], false);
  if (!config.tie_word_embeddings) {
    add('lm_head', 'weight', [d, vocabulary], true);
  }
  return list;
}

/** The weights of the boundaries and of what they confine, which no Hugging Face model has; empty without `mapl`. */
export function maplParameters(config: ResolvedLlamaConfig): LlamaParameter[] {
  const {mapl, hidden_size: d, vocab_size: vocabulary} = config;
  if (mapl == null || mapl.stages < 2) {
    return [];
  }
  const {stages, rank, anchorRank, kind} = mapl;
  const list: LlamaParameter[] = [];
  const add = (layer: string, name: string, shape: number[]) =>
    list.push({
      layer,
      weight: `${layer}/${name}`,
      shape,
      tensor: `${layer}.${name}`,
      transposed: false,
    });
  for (let p = 0; p < stages - 1; p++) {
    const boundary = `mapl.boundaries.${p}`;
    if (kind === 'resbm') {
      // Hidden layers as wide as what crosses: the default of ResidualBottleneck.
      add(boundary, 'encoder.first.weight', [d, rank]);
      add(boundary, 'encoder.second.weight', [rank, rank]);
      add(boundary, 'decoder.first.weight', [rank, rank]);
      add(boundary, 'decoder.second.weight', [rank, d]);
    } else {
      const name = mapl.projector === 'unconstrained' ? 'unconstrained_projector' : 'projector';
      add(boundary, name, [d, rank]);
    }
    if (mapl.quantizer != null) {
      const {groups, rounds, codes} = mapl.quantizer;
      const shape = [rounds, groups, codes];
      const quantizer = `${boundary}.quantizer`;
      add(quantizer, 'codebooks', [...shape, rank / groups]);
      add(quantizer, 'cluster_sizes', shape);
      add(quantizer, 'sums', [...shape, rank / groups]);
      add(quantizer, 'progress', [2]);
    }
  }
  for (let stage = 0; stage < stages && mapl.anchors !== 'none'; stage++) {
    const factorised = mapl.anchors === 'factorised';
    add(`mapl.anchors.${stage}`, 'table', [vocabulary, factorised ? anchorRank : d]);
    if (factorised) add(`mapl.anchors.${stage}`, 'basis', [anchorRank, d]);
  }
  for (const parameter of hubParameters(config)) {
    if (isConfined(config, parameter.weight)) {
      const shape = [...parameter.shape.slice(0, -1), rank];
      const tensor = `mapl.subspace.${parameter.tensor}`;
      list.push({...parameter, shape, tensor, transposed: false});
    }
  }
  return list;
}
