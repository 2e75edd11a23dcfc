export {bfloat16Codec} from './bfloat16.js';
export type {Codec, FloatCodec, IdsCodec} from './codec.js';
export {float32Codec} from './float32.js';
export type {
  Crossing,
  Leg,
  LegCodec,
  LegContext,
  LegEnd,
  LegReceiver,
  LegSender,
  LegSpec,
  LegState,
} from './leg.js';
export {getLegCodec, legCodecNames, registerLegCodec} from './leg_registry.js';
export {idsCodec, uint16Codec, uint32Codec} from './ids.js';
export {
  codecNames,
  codecVersions,
  getCodec,
  getFloatCodec,
  getIdsCodec,
  registerCodec,
  unregisterCodec,
} from './registry.js';
export type {CompressionMethod, MethodModel, MethodPlan, MethodRequest} from './method.js';
export {
  getMethod,
  methodNames,
  methodPlan,
  parseLegSpec,
  registerMethod,
  type CompressionSettings,
} from './methods/index.js';
export {
  CodebookReceiver,
  type CodebookReceipt,
  type CodebookReceiverArgs,
} from './rvq/codebook_receiver.js';
export {
  CodebookSender,
  type CodebookSenderArgs,
  type CodebookSenderState,
} from './rvq/codebook_sender.js';
