export {decodeFrame} from './decode_frame.js';
export {encodeFrame, frameSize, joinPieces} from './encode_frame.js';
export type {EncodableFrame, FrameSize} from './encode_frame.js';
export {frameTensor} from './frame.js';
export type {
  ChannelFrameType,
  DataFrame,
  DataFrameType,
  Frame,
  FrameTensor,
  FrameType,
  JsonValue,
  OutgoingFrame,
} from './frame.js';
export {FrameReader} from './frame_reader.js';
export type {ReadFrame} from './frame_reader.js';
export {DEFAULT_MAX_FRAME_BYTES, WIRE_VERSION} from './header_layout.js';
export {
  BadChecksum,
  BadHeader,
  BadMagic,
  BadVersion,
  FrameTooLarge,
  TruncatedFrame,
  WireError,
} from './wire_errors.js';
