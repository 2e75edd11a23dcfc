/** Single kernels against those of `@genai-fi/nanogpt`, on the same values, results compared before anything is timed. */
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {runKernel} from '../../src/kernels/ensure_kernel.js';
import * as names from '../../src/kernels/kernel_names.js';
import {train} from '../../src/optimizers/index.js';
import {clipFactorTensor} from '../../src/optimizers/clipping.js';
import {Contestant} from '../contestant.js';
import {checkAgreement, valuesOf} from './agreement.js';
import {useOfCard, type CardLimits} from './card.js';
import {measured, type GpuCase, type Measured} from './gpu_row.js';
import {fillInputs, type PeerCase, type PeerOp} from './peer_cases.js';
import {peerPlans} from './plan.js';
import {batchOf, compare, discarding, type Effort} from './timing.js';

export interface PeerOptions {
  effort: Effort;
  quick: boolean;
  nanogpt: {file: string} | {missing: string};
}

/** A case for each of `peerPlans`, and what ends nanogpt's program when all are done. */
export function peerKernelCases(
  limits: () => CardLimits,
  {effort, quick, nanogpt}: PeerOptions,
): {cases: GpuCase[]; stop(): void} {
  let contestant: Contestant | undefined;
  const cases = peerPlans(quick).map(({plan, peerCase}, index): GpuCase => ({
    plan,
    measure: async () => {
      if ('missing' in nanogpt) throw new Error(nanogpt.missing);
      contestant ??= await Contestant.start({
        name: 'nanogpt',
        command: process.execPath,
        args: [nanogpt.file, JSON.stringify({kernels: true, quick})],
      });
      try {
        return await measureKernel(peerCase, index, contestant, limits(), effort);
      } catch (error) {
        // What it is in the middle of is not known: the next row gets a fresh one.
        contestant.stop();
        contestant = undefined;
        throw error;
      }
    },
  }));
  return {cases, stop: () => contestant?.stop()};
}

async function measureKernel(
  peerCase: PeerCase,
  index: number,
  contestant: Contestant,
  limits: CardLimits,
  effort: Effort,
): Promise<Measured> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-gpu-'));
  tf.engine().startScope();
  try {
    const prepared = OURS[peerCase.op](tensorsOf(peerCase), peerCase.attrs);
    const [run, results] =
      typeof prepared === 'function'
        ? [discarding(prepared), prepared]
        : [prepared.run, prepared.results];
    const ours = await valuesOf(results);
    const file = path.join(folder, 'results');
    await contestant.ask(JSON.stringify({open: index, file}));
    const theirs = split(readFileSync(file), ours);
    const difference = checkAgreement(ours, theirs, peerCase.tolerance);
    const peer = async (count: number) =>
      (await contestant.ask<{ms: number}>(JSON.stringify({batch: count}))).ms;
    const [a, b] = await compare([batchOf(run), peer], effort);
    await contestant.ask(JSON.stringify({close: true}));
    return measured(a, b, {difference, ...useOfCard(limits, peerCase.work, a)});
  } finally {
    tf.engine().endScope();
    rmSync(folder, {recursive: true});
  }
}

function tensorsOf(peerCase: PeerCase): tf.NamedTensorMap {
  const values = Object.entries(fillInputs(peerCase));
  return Object.fromEntries(
    values.map(([name, data]) => {
      const dtype = data instanceof Int32Array ? 'int32' : 'float32';
      return [name, tf.tensor(data, peerCase.inputs[name].shape, dtype)];
    }),
  );
}

/** Their results, one after the other in a file, cut at the sizes of ours. */
function split(bytes: Buffer, ours: readonly tf.TypedArray[]): Float32Array[] {
  const all = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  );
  const size = ours.reduce((sum, {length}) => sum + length, 0);
  if (all.length !== size) throw new Error(`nanogpt gives ${all.length} values, ours are ${size}`);
  let at = 0;
  return ours.map(({length}) => all.subarray(at, (at += length)));
}

type Run = () => tf.Tensor | tf.Tensor[];
type Prepare = (inputs: tf.NamedTensorMap, attrs: Record<string, number>) => Run | Prepared;

/** Where results are not what a run gives. */
interface Prepared {
  run: () => void;
  /** Runs once and gives the results. */
  results: Run;
}

/** Rows of an activation of any rank, as the ops hand it to the kernels. */
const flat = (x: tf.Tensor) => tf.reshape(x, [-1, x.shape[x.rank - 1]]);

/** What each case runs here. Tensors made while preparing belong to the scope that is open. */
const OURS: Record<PeerOp, Prepare> = {
  attention: (inputs, attrs) => () =>
    runKernel<tf.Tensor[]>(names.CausalAttention, inputs, attrs)[0],
  attentionGrad: ({q, k, v, dout}, attrs) => {
    const [out, lse] = runKernel<tf.Tensor[]>(names.CausalAttention, {q, k, v}, attrs);
    return () =>
      runKernel<tf.Tensor[]>(names.CausalAttentionGrad, {q, k, v, out, lse, dout}, attrs);
  },
  rmsNorm: ({x, weight}, attrs) => {
    const inputs = {x: flat(x), weight};
    return () => runKernel<tf.Tensor>(names.RmsNorm, inputs, attrs);
  },
  rmsNormGrad: ({x, weight, dy}, attrs) => {
    const inputs = {x: flat(x), weight, dy: flat(dy)};
    return () => runKernel<tf.Tensor[]>(names.RmsNormGrad, inputs, attrs);
  },
  rope: (inputs) => () => runKernel<tf.Tensor>(names.RotaryEmbedding, inputs),
  // As in src/gradients/rotary_embedding_grad.ts, where −sin is made anew each time; theirs is kept.
  ropeGrad:
    ({x, cos, sin}) =>
    () =>
      runKernel<tf.Tensor>(names.RotaryEmbedding, {x, cos, sin: tf.neg(sin)}),
  crossEntropy: (inputs) => () =>
    tf.mean(runKernel<tf.Tensor[]>(names.SparseCrossEntropy, inputs)[0]),
  crossEntropyGrad: ({logits, targets, dloss}) => {
    const [, lse] = runKernel<tf.Tensor[]>(names.SparseCrossEntropy, {logits, targets});
    const inputs = {logits, targets, lse, dloss};
    return () => runKernel<tf.Tensor>(names.SparseCrossEntropyGrad, inputs);
  },
  adamw: (inputs, attrs) => () => runKernel<tf.Tensor[]>(names.AdamWUpdate, inputs, attrs),
  clipFactor:
    (inputs, {clipNorm}) =>
    () =>
      clipFactorTensor(clipNorm, inputs),
  optimizerStep: (inputs, {clipNorm, learningRate, beta1, beta2, epsilon, weightDecay}) => {
    const weights = Object.entries(inputs).filter(([name]) => name.startsWith('w'));
    const variables = weights.map(([name, value]) => tf.variable(value, true, `bench/${name}`));
    const grads = Object.fromEntries(
      weights.map(([name], i) => [variables[i].name, inputs[name.replace('w', 'g')]]),
    );
    const options = {learningRate, beta1, beta2, epsilon, weightDecay, clipNorm};
    const optimizer = train.adamw(options);
    const run = () => optimizer.applyGradients(grads);
    const results = () => {
      run();
      return variables.map((variable) => tf.clone(variable));
    };
    return {run, results};
  },
};
