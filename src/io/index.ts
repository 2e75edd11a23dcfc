/** Files: safetensors, folders on disk or behind a URL. */
export {type ByteSource, fileSource, memorySource, urlSource} from './byte_source.js';
export {type Folder, openFolder} from './folder.js';
export {bfloat16ToFloat32, float16ToFloat32} from './half_floats.js';
export type {SafetensorsDtype, SafetensorsEntry} from './safetensors_header.js';
export {SafetensorsReader} from './safetensors_reader.js';
export {encodeSafetensors, safetensorsPieces, type TensorToWrite} from './safetensors_writer.js';
export {writeAtomically, writeFolder} from './write_atomically.js';
