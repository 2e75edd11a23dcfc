/** All rows of the tables, known without a GPU. Nothing here touches WebGPU. */
import '../../src/ops/index.js';
import '../../src/kernels/composed/index.js';
import type {PlannedRow} from './gpu_row.js';
import {KERNEL_CASES, type KernelCase} from './kernel_cases.js';
import {nanogptTask, referenceTask, type Task} from './models.js';
import {peerCases, type PeerCase} from './peer_cases.js';

/** Who steps beside us. */
export type StepPeer = 'plain' | 'composed' | 'nanogpt' | 'nanogpt16';

export interface StepPlan {
  plan: PlannedRow;
  task: Task;
  peer: StepPeer;
}

const STEP_PEERS: Record<StepPeer, {against: string; atMost: number | null}> = {
  plain: {against: 'the same model in plain tfjs ops', atMost: 1 / 3},
  composed: {against: 'the composed kernels', atMost: null},
  nanogpt: {against: '@genai-fi/nanogpt 1.3.0, its model of that shape', atMost: 1},
  nanogpt16: {
    against: '@genai-fi/nanogpt 1.3.0, its model of that shape, in mixed precision',
    atMost: 1,
  },
};

export function stepPlans(quick: boolean): StepPlan[] {
  const [reference, theirs] = [referenceTask(quick), nanogptTask(quick)];
  const list: [StepPeer, Task][] = [
    ['plain', reference],
    ['composed', reference],
    ['nanogpt', reference],
    ['nanogpt16', reference],
    ['nanogpt', theirs],
    ['nanogpt16', theirs],
  ];
  return list.map(([peer, task]) => {
    const boundaries =
      peer === 'composed' ? ` with ${task.config.num_hidden_layers} boundaries` : '';
    const name = `training step${boundaries}, ${task.name}`;
    return {task, peer, plan: {section: 'step', name, ...STEP_PEERS[peer]}};
  });
}

export function kernelPlans(quick: boolean): {plan: PlannedRow; kernelCase: KernelCase}[] {
  return KERNEL_CASES.map((make) => {
    const kernelCase = make(quick);
    const name = `${kernelCase.kernel} (${kernelCase.sizes})`;
    const against = 'the tfjs ops it replaces';
    return {kernelCase, plan: {section: 'composed', name, against, atMost: null}};
  });
}

export function peerPlans(quick: boolean): {plan: PlannedRow; peerCase: PeerCase}[] {
  return peerCases(quick).map((peerCase) => {
    const {name, against} = peerCase;
    return {peerCase, plan: {section: 'nanogpt', name, against, atMost: 1}};
  });
}

/** The rows in the order of the tables. */
export function plannedRows(quick: boolean): PlannedRow[] {
  return [...stepPlans(quick), ...peerPlans(quick), ...kernelPlans(quick)].map(({plan}) => plan);
}
