/** Times of work on the GPU. */
import * as tf from '@tensorflow/tfjs-core';
import {median} from '../row.js';

/** What of tfjs-webgpu's backend is used to send off recorded work; public in its declarations. */
interface Queueing {
  device: {queue: {onSubmittedWorkDone(): Promise<unknown>}};
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** How much to measure. */
export interface Effort {
  /** Batches of each side, interleaved. */
  rounds: number;
  /** A batch repeats the work until it takes so long. Milliseconds. */
  batchMs: number;
}

/** Sends off everything that has been recorded and waits until it is done. */
export async function finishWork(): Promise<void> {
  const backend = tf.backend() as unknown as Queueing;
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}

async function batch(run: () => void, count: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  await finishWork();
  return performance.now() - start;
}

/** Repeats that fill a batch, found by doubling; the first runs also compile the programs. */
async function repeats(run: () => void, {batchMs}: Effort): Promise<number> {
  await batch(run, 1);
  let count = 1;
  while (count < 1024 && (await batch(run, count)) < batchMs) count *= 2;
  return count;
}

/** Milliseconds of one call of each, when calls follow each other without waiting: batches `a b a b …`, medians. */
export async function compare(sides: readonly (() => void)[], effort: Effort): Promise<number[]> {
  const counts: number[] = [];
  for (const run of sides) counts.push(await repeats(run, effort));
  const times: number[][] = sides.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, run] of sides.entries()) {
      times[i].push((await batch(run, counts[i])) / counts[i]);
    }
  }
  return times.map(median);
}

/** Runs something and frees all it made. */
export function discarding(run: () => tf.Tensor | tf.Tensor[]): () => void {
  return () => tf.dispose(tf.tidy(run));
}
