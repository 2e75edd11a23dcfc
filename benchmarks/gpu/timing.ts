/** Times of work on the GPU. */
import * as tf from '@tensorflow/tfjs-core';
import {median} from '../row.js';

/** What of tfjs-webgpu's backend is used to send off recorded work; public in its declarations. */
export interface Queueing {
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

/** Runs a side `count` times without waiting in between, waits for the end, and gives the milliseconds of it all. */
export type Batch = (count: number) => Promise<number>;

/** Sends off everything that has been recorded and waits until it is done. */
export async function finishWork(
  backend: Queueing = tf.backend() as unknown as Queueing,
): Promise<void> {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}

/** Batches of work in this program. */
export function batchOf(run: () => void, backend?: Queueing): Batch {
  return async (count) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    await finishWork(backend);
    return performance.now() - start;
  };
}

/** Repeats that fill a batch, found by doubling; the first runs also compile the programs. */
async function repeats(batch: Batch, {batchMs}: Effort): Promise<number> {
  await batch(1);
  let count = 1;
  while (count < 1024 && (await batch(count)) < batchMs) count *= 2;
  return count;
}

/** Milliseconds of one call of each, when calls follow each other without waiting: batches `a b a b …`, medians. */
export async function compare(sides: readonly Batch[], effort: Effort): Promise<number[]> {
  const counts: number[] = [];
  for (const side of sides) counts.push(await repeats(side, effort));
  const times: number[][] = sides.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, side] of sides.entries()) {
      times[i].push((await side(counts[i])) / counts[i]);
    }
  }
  return times.map(median);
}

/** Runs something and frees all it made. */
export function discarding(run: () => tf.Tensor | tf.Tensor[]): () => void {
  return () => tf.dispose(tf.tidy(run));
}
