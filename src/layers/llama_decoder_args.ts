/** Checks of what a block of a LLaMA is made with. */
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkSeed,
  refuseValue,
} from '../ops/check_values.js';
import {checkLayerArgs} from './check_layer_args.js';
import {layerKeys} from './layer_types.js';
import type {LlamaDecoderArgs} from './llama_decoder_layer.js';
import {checkSubspace} from './subspace_cache.js';

const EXAMPLE =
  'new LlamaDecoderLayer({hiddenSize: 128, intermediateSize: 352, numAttentionHeads: 4, ' +
  'numKeyValueHeads: 4, headDim: 32, rmsNormEps: 1e-5, ropeTheta: 10000, ropeScaling: null, ' +
  'maxPositionEmbeddings: 512, attentionBias: false, mlpBias: false, initializerRange: 0.02, seed: 0})';

const KEYS = layerKeys<LlamaDecoderArgs>({
  hiddenSize: true,
  intermediateSize: true,
  numAttentionHeads: true,
  numKeyValueHeads: true,
  headDim: true,
  rmsNormEps: true,
  ropeTheta: true,
  ropeScaling: true,
  maxPositionEmbeddings: true,
  attentionBias: true,
  mlpBias: true,
  initializerRange: true,
  seed: true,
  subspace: true,
});

const COUNTS = [
  'hiddenSize',
  'intermediateSize',
  'numAttentionHeads',
  'numKeyValueHeads',
  'headDim',
  'maxPositionEmbeddings',
] as const;

/** `args`, if a block can be made of them. @throws Error naming the argument, its value and what was expected. */
export function checkDecoderArgs(args: LlamaDecoderArgs): LlamaDecoderArgs {
  const where = 'LlamaDecoderLayer';
  checkLayerArgs(where, args, EXAMPLE, KEYS);
  for (const name of COUNTS) checkInteger(where, name, args[name], 1);
  const {numAttentionHeads: heads, numKeyValueHeads: groups, ropeTheta} = args;
  if (heads % groups !== 0) {
    refuseValue(where, 'numKeyValueHeads', groups, `a divisor of numAttentionHeads = ${heads}`);
  }
  if (!(Number.isFinite(ropeTheta) && ropeTheta > 0)) {
    refuseValue(where, 'ropeTheta', ropeTheta, 'a number above 0, for instance 10000');
  }
  if (args.ropeScaling != null && typeof args.ropeScaling !== 'object') {
    refuseValue(where, 'ropeScaling', args.ropeScaling, 'an object with rope_type, or null');
  }
  checkNumber(where, 'rmsNormEps', args.rmsNormEps);
  checkNumber(where, 'initializerRange', args.initializerRange);
  for (const name of ['attentionBias', 'mlpBias'] as const) checkBoolean(where, name, args[name]);
  checkSeed(where, args.seed);
  checkSubspace(where, args.subspace, args.hiddenSize);
  return args;
}
