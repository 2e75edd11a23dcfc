/** Training steps on the GPU, loss read back: against plain tfjs, against composed kernels, against nanogpt. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel, composedKernelNames} from '../../src/kernels/ensure_kernel.js';
import {registerWebgpuKernels} from '../../src/kernels/webgpu/index.js';
import {Contestant} from '../contestant.js';
import {row, type Outcome, type Row} from '../row.js';
import {nanogptTask, ourStep, plainStep, referenceTask, type Step, type Task} from './models.js';

export interface StepOptions {
  rounds: number;
  warmUp: number;
  quick: boolean;
  /** The file that is nanogpt's contestant, or why there is none. */
  nanogpt: {file: string} | {missing: string};
}

const RANK = 32;

export async function stepRows(
  options: StepOptions,
  wanted: (name: string) => boolean,
): Promise<Outcome> {
  const rows: Row[] = [];
  const notes: string[] = [];
  const task = referenceTask(options.quick);
  const measure = async (name: string, ours: Step, peer: Step, sameLoss: boolean) => {
    console.error(`${name} …`);
    const {times, losses} = await alternateSteps([ours, peer], options);
    const [a, b] = losses;
    if (sameLoss && !(Math.abs(a - b) < 1e-3)) {
      throw new Error(`${name}: the first losses differ, ${a} and ${b}: not the same step.`);
    }
    rows.push(row(name, 'ms', times[0], times[1]));
    // JSON has no NaN: null is one.
    const texts = losses.map((loss) => (Number.isFinite(loss) ? loss.toFixed(5) : 'not a number'));
    notes.push(`${name}: first losses ${texts.join(' and ')}`);
  };

  const plain = `step, ${task.name}: ours vs plain tfjs`;
  if (wanted(plain)) await measure(plain, ourStep(task), plainStep(task), true);

  const composed = `step with ${task.config.num_hidden_layers} boundaries, ${task.name}: our kernels vs composed ones`;
  if (wanted(composed)) {
    const rank = options.quick ? 4 : RANK;
    const slow = ourStep(task, rank);
    const peer: Step = async () => {
      useComposedKernels();
      try {
        return await slow();
      } finally {
        registerWebgpuKernels();
      }
    };
    await measure(composed, ourStep(task, rank), peer, true);
  }

  const tasks: [Task, boolean][] = [
    [task, false],
    [task, true],
    [nanogptTask(options.quick), false],
    [nanogptTask(options.quick), true],
  ];
  for (const [shape, half] of tasks) {
    const name = `step, ${shape.name}: ours vs nanogpt${half ? ' in mixed precision' : ''}`;
    if (!wanted(name)) continue;
    if ('missing' in options.nanogpt) {
      notes.push(`${name}: not measured. ${options.nanogpt.missing}`);
      continue;
    }
    let peer: Contestant | undefined;
    try {
      peer = await Contestant.start({
        name: 'nanogpt',
        command: process.execPath,
        args: [options.nanogpt.file, JSON.stringify({...shape, half})],
      });
      const contestant = peer;
      await measure(name, ourStep(shape), async () => (await contestant.step()).loss, false);
      notes.push(`${name}: ${JSON.stringify(peer.about)}`);
    } catch (error) {
      const {message} = error as Error;
      const reason = /^.*Error: .*$/m.exec(message)?.[0] ?? message;
      notes.push(`${name}: not measured. ${reason}`);
    } finally {
      peer?.stop();
    }
  }
  return {rows, notes};
}

async function alternateSteps(
  steps: readonly Step[],
  {warmUp, rounds}: StepOptions,
): Promise<{times: number[][]; losses: number[]}> {
  const times: number[][] = steps.map(() => []);
  const losses: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, step] of steps.entries()) {
      const start = performance.now();
      const loss = await step();
      const ms = performance.now() - start;
      if (round === -warmUp) losses.push(loss);
      if (round >= 0) times[i].push(ms);
    }
  }
  return {times, losses};
}

/** Puts the composed references in the place of this package's kernels until `registerWebgpuKernels` is called. */
function useComposedKernels(): void {
  for (const kernelName of composedKernelNames()) {
    if (tf.getKernel(kernelName, 'webgpu') != null) tf.unregisterKernel(kernelName, 'webgpu');
    const kernel = composedKernel(kernelName);
    tf.registerKernel({
      kernelName,
      backendName: 'webgpu',
      kernelFunc: ({inputs, attrs}) =>
        tf.tidy(() => kernel(inputs as tf.NamedTensorMap, attrs ?? {}) as tf.Tensor),
    });
  }
}
