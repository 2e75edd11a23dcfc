/** Brings up the backend that a suite runs on. */
import type {Backend} from '../../src/backends/backend.js';
import {cpu} from '../../src/backends/cpu.js';
import {tensorflow} from '../../src/backends/tensorflow.js';
import {wasm} from '../../src/backends/wasm.js';

const BACKENDS: Record<string, Backend> = {cpu, tensorflow, wasm};

export async function useBackend(name: string): Promise<void> {
  const backend = BACKENDS[name];
  if (backend == null) {
    throw new Error(`--backend ${name}: expected one of ${Object.keys(BACKENDS).join(', ')}.`);
  }
  await backend.up();
}
