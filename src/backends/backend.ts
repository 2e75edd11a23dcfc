/** What the files of this folder have in common. */
import * as tf from '@tensorflow/tfjs-core';

/** Kind of device behind a backend. `software`: a GPU emulated on the CPU, right but slow. */
export type Device = 'gpu' | 'cpu' | 'software';

/** What a backend tells about itself when it has been brought up. */
export interface BackendInfo {
  /** Name in tfjs: `tf.getBackend()` gives it. */
  name: string;
  device: Device;
  /** For people: library version, adapter, threads. */
  description: string;
}

/** A backend that can be brought up here, or not. One a file in this folder. */
export interface Backend {
  /** Name in tfjs. */
  name: string;
  /**
   * What it would run on here, as cheaply as it can be found out.
   *
   * @throws Error that says what is missing and how to get it
   */
  probe(): Promise<Device>;
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

/**
 * Makes a registered backend the current one.
 *
 * @throws Error if it cannot be initialised
 */
export async function use(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) {
    throw new Error(`The backend '${name}' of TensorFlow.js could not be initialised here.`);
  }
  await tf.ready();
}
