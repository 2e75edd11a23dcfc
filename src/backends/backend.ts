/** What a backend tells about itself when it has been brought up. */
export interface BackendInfo {
  /** Name in tfjs: `tf.getBackend()` gives it. */
  name: string;
  /** Kind of device behind it. `software`: a GPU emulated on the CPU, right but slow. */
  device: 'gpu' | 'cpu' | 'software';
  /** For people: library version, adapter, threads. */
  description: string;
}

/** A backend that can be brought up here, or not. One a file in this folder. */
export interface Backend {
  /** Name in tfjs. */
  name: string;
  /**
   * Loads the backend, registers its fast kernels and makes it the current one.
   *
   * @throws Error that says what is missing and how to get it
   */
  up(): Promise<BackendInfo>;
}

/** True in Node, false in browsers and workers. */
export function inNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node != null;
}
