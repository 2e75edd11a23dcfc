/** Finding, choosing and mending the backends of TensorFlow.js. */
export type {Backend, BackendInfo, Device} from './backend.js';
export {backendEnvironment, setBackendEnvironment, type BackendEnvironment} from './environment.js';
export {
  BACKENDS,
  selectBackend,
  type BackendSelection,
  type SelectBackendOptions,
} from './select_backend.js';
export {findNativeOps} from './tensorflow_install.js';
export {setWasmFiles} from './wasm.js';
