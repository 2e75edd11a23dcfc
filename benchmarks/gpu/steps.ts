/** Training steps on the GPU, loss read back: against plain tfjs, against composed kernels, against nanogpt. */
import * as tf from '@tensorflow/tfjs-core';
import {composedKernel, composedKernelNames} from '../../src/kernels/ensure_kernel.js';
import {registerWebgpuKernels} from '../../src/kernels/webgpu/index.js';
import {Contestant} from '../contestant.js';
import {median} from '../row.js';
import {measured, type GpuCase, type Measured} from './gpu_row.js';
import type {Step} from '../step_task.js';
import {ourStepOf, plainStepOf} from './models.js';
import {stepPlans, type StepPlan} from './plan.js';

export interface StepOptions {
  rounds: number;
  warmUp: number;
  quick: boolean;
  /** The file that is nanogpt's contestant, or why there is none. */
  nanogpt: {file: string} | {missing: string};
}

const RANK = 32;

/** Losses of the same model on the same batch differ by no more. */
const SAME = 1e-3;

/** First losses of models that are told apart only by their weights: all are near the logarithm of the vocabulary. */
const UNTRAINED = 1;

/** A case for each of `stepPlans`. */
export function stepCases(options: StepOptions): GpuCase[] {
  return stepPlans(options.quick).map((step) => ({
    plan: step.plan,
    measure: (notes) => measureStep(step, options, notes),
  }));
}

async function measureStep(
  {plan, task, peer}: StepPlan,
  options: StepOptions,
  notes: string[],
): Promise<Measured> {
  const interleave = async (ours: Step, theirs: Step, check: (a: number, b: number) => boolean) => {
    const {times, losses} = await alternateSteps([ours, theirs], options);
    // JSON has no NaN: null is one.
    const texts = losses.map((loss) => (Number.isFinite(loss) ? loss.toFixed(5) : 'not a number'));
    notes.push(`${plan.name}: first losses ${texts.join(' and ')} (${plan.against})`);
    if (!check(losses[0], losses[1])) {
      throw new Error(`results disagree: first losses ${texts.join(' and ')}`);
    }
    return measured(median(times[0]), median(times[1]));
  };
  const same = (a: number, b: number) => Math.abs(a - b) < SAME;

  if (peer === 'plain') return interleave(ourStepOf(task), plainStepOf(task), same);
  if (peer === 'composed') {
    const rank = options.quick ? 4 : RANK;
    return interleave(ourStepOf(task, rank), withComposedKernels(ourStepOf(task, rank)), same);
  }
  if ('missing' in options.nanogpt) throw new Error(options.nanogpt.missing);
  const contestant = await Contestant.start({
    name: 'nanogpt',
    command: process.execPath,
    args: [options.nanogpt.file, JSON.stringify({...task, half: peer === 'nanogpt16'})],
  });
  try {
    notes.push(`${plan.name}: ${JSON.stringify(contestant.about)}`);
    const untrained = (loss: number) =>
      Number.isFinite(loss) && Math.abs(loss - Math.log(task.config.vocab_size)) < UNTRAINED;
    const step = async () => (await contestant.step()).loss;
    return await interleave(ourStepOf(task), step, (a, b) => untrained(a) && untrained(b));
  } finally {
    contestant.stop();
  }
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

function withComposedKernels(step: Step): Step {
  return async () => {
    useComposedKernels();
    try {
      return await step();
    } finally {
      registerWebgpuKernels();
    }
  };
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
