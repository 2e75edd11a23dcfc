/** nanogpt's side of `peer_kernels.ts`: opens a case, writes its results to a file, runs batches of it. */
import {writeFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import type * as nanogpt from 'mapl:nanogpt';
import type {NanogptEngine, NanogptTensor} from 'mapl:nanogpt';
import {fillInputs, PACKED_INPUTS, peerCases, type PeerCase, type PeerOp} from './peer_cases.js';
import {batchOf, type Batch, type Queueing} from './timing.js';

type Lib = typeof nanogpt;

interface Command {
  /** Number of a case. */
  open?: number;
  /** Where its results go: float32, one after the other. */
  file?: string;
  /** Runs. */
  batch?: number;
  close?: boolean;
}

/** Answers commands, a line each, until the input ends. */
export async function answerKernels(
  lib: Lib,
  engine: NanogptEngine,
  quick: boolean,
  answer: (line: string) => void,
): Promise<never> {
  const cases = peerCases(quick);
  let batch: Batch | undefined;
  answer(JSON.stringify({nanogpt: '1.3.0'}));
  for await (const line of createInterface({input: process.stdin})) {
    const command = JSON.parse(line) as Command;
    if (command.open != null) {
      engine.startScope();
      const peerCase = cases[command.open];
      const side = new Kernels(lib, engine, peerCase);
      const {run, results = run, order = (values) => values} = side[peerCase.op]();
      writeFileSync(command.file!, bytesOf(order(await valuesOf(lib, engine, results))));
      const once = () => {
        engine.startScope();
        run();
        engine.endScope();
      };
      batch = batchOf(once, engine.backend as Queueing);
      answer('{}');
    } else if (command.batch != null) {
      answer(JSON.stringify({ms: await batch!(command.batch)}));
    } else {
      engine.endScope();
      answer('{}');
    }
  }
  process.exit(0);
}

function bytesOf(values: readonly Float32Array[]): Buffer {
  const parts = values.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  return Buffer.concat(parts);
}

async function valuesOf(
  lib: Lib,
  engine: NanogptEngine,
  run: () => NanogptTensor[],
): Promise<Float32Array[]> {
  engine.startScope();
  const tensors = run().map((t) => (t.dtype === 'packedF16' ? lib.unpack16(t) : t));
  engine.endScope(tensors);
  return Promise.all(tensors.map((tensor) => tensor.data()));
}

interface Side {
  run: () => NanogptTensor[];
  /** Runs once and gives the results, where they are not what `run` gives. */
  results?: () => NanogptTensor[];
  /** Puts them in the order of ours. */
  order?: (values: Float32Array[]) => Float32Array[];
}

/** The function of a gradient as tfjs keeps it. */
type GradFunc = (
  dy: NanogptTensor,
  saved: NanogptTensor[],
  attrs: object,
) => Record<string, () => NanogptTensor>;

/** What each case runs there. */
class Kernels implements Record<PeerOp, () => Side> {
  private readonly values: Record<string, Float32Array | Int32Array>;

  constructor(
    private readonly lib: Lib,
    private readonly engine: NanogptEngine,
    private readonly peerCase: PeerCase,
  ) {
    this.values = fillInputs(peerCase);
  }

  attention(): Side {
    const [q, k, v] = this.inputs('q', 'k', 'v');
    return {run: () => [this.mix(this.weights(q, k), v)]};
  }

  attentionGrad(): Side {
    const [q, k, v, dout] = this.inputs('q', 'k', 'v', 'dout');
    const weights = this.weights(q, k);
    const [mix, softmax, mask] = ['MatMul16', this.softmaxName, 'AttentionMask'].map(gradient);
    const run = () => {
      const product = mix(dout, [weights, v], {transposeA: false, transposeB: false});
      const [dweights, dv] = [product.A(), product.B()];
      const dscores = softmax(dweights, [weights], {dim: 3}).logits();
      const grads = mask(dscores, [q, k], {divisor: this.peerCase.attrs.scale});
      return [grads.q(), grads.k(), dv];
    };
    return {run};
  }

  rmsNorm(): Side {
    const [x, gamma] = this.inputs('x', 'weight');
    return {run: () => [this.engine.runKernel('RMSNorm', {x, gamma})]};
  }

  rmsNormGrad(): Side {
    const [x, gamma, dy] = this.inputs('x', 'weight', 'dy');
    return {run: () => this.engine.runKernel<NanogptTensor[]>('RMSNormGrad', {dy, x, gamma})};
  }

  rope(): Side {
    return this.rotation(false);
  }

  ropeGrad(): Side {
    return this.rotation(true);
  }

  crossEntropy(): Side {
    const [logits, targets] = this.inputs('logits', 'targets');
    const loss = this.lib.createSoftmaxCrossEntropyWithGrad(false, false);
    return {run: () => [loss(logits, targets)]};
  }

  crossEntropyGrad(): Side {
    const [logits, labels, dy] = this.inputs('logits', 'targets', 'dloss');
    const run = () => {
      // As in its loss's gradient.
      const softmax = this.engine.runKernel('Softmax', {logits}, {dim: 1});
      return [this.engine.runKernel('EfficientScatterSub', {logits: softmax, labels, dy})];
    };
    return {run};
  }

  adamw(): Side {
    const {learningRate, beta1, beta2, epsilon, weightDecay, t} = this.peerCase.attrs;
    const [value, gradient] = this.inputs('value', 'gradient');
    const {first, second} = this.values;
    const both = new Float32Array(2 * first.length);
    for (let i = 0; i < first.length; i++) both.set([first[i], second[i]], 2 * i);
    const old = this.engine.makeTensor(both, [...value.shape, 2], 'float32');
    const scaling = this.engine.makeTensor(Float32Array.of(1), [1], 'float32');
    const bias = {beta1: 1 - beta1 ** t, beta2: 1 - beta2 ** t};
    const settings = {...bias, learningRate, epsilon, weightDecay};
    const run = () => {
      const inputs = {moments: old, gradient, scaling};
      const moments = this.engine.runKernel('AdamMoments', inputs, {beta1, beta2});
      return [this.engine.runKernel('AdamAdjust', {moments, value}, settings), moments];
    };
    const order = ([updated, moments]: Float32Array[]) => [
      updated,
      ...[0, 1].map((which) => updated.map((_, i) => moments[2 * i + which])),
    ];
    return {run, order};
  }

  clipFactor(): Side {
    const gradients = this.inputs(...Object.keys(this.values));
    const {clipNorm} = this.peerCase.attrs;
    const run = () => [this.lib.clipScale(gradients, 1, clipNorm)];
    return {run, order: ([both]) => [both.subarray(0, 1)]};
  }

  optimizerStep(): Side {
    const {learningRate, ...settings} = this.peerCase.attrs;
    // Without steps of warming up or decay its rate is the least one.
    const schedule = {minLearningRate: learningRate, warmupSteps: 0, decayEpochs: 0, epochSteps: 0};
    const optimizer = new this.lib.AdamWOptimizer({
      ...settings,
      ...schedule,
      learningRate,
      lossScaling: 1,
    });
    const names = Object.keys(this.values).filter((name) => name.startsWith('w'));
    const variables = names.map((name) =>
      this.engine.makeVariable(this.inputs(name)[0], true, name),
    );
    const grads = names.map((name) => ({name, tensor: this.inputs(name.replace('w', 'g'))[0]}));
    const run = () => [optimizer.applyGradients(grads)];
    const results = () => {
      run();
      return variables.map((x) => this.engine.runKernel('Identity', {x}));
    };
    return {run, results};
  }

  /** Tensors, packed where the case asks for it and nanogpt would. */
  private inputs(...names: string[]): NanogptTensor[] {
    const {inputs, half} = this.peerCase;
    return names.map((name) => {
      const values = this.values[name];
      const dtype = values instanceof Int32Array ? 'int32' : 'float32';
      const tensor = this.engine.makeTensor(values, inputs[name].shape, dtype);
      return half && PACKED_INPUTS.has(name) ? this.lib.pack16(tensor) : tensor;
    });
  }

  private get softmaxName(): string {
    return this.peerCase.half ? 'Softmax16' : 'Softmax';
  }

  private weights(q: NanogptTensor, k: NanogptTensor): NanogptTensor {
    const attrs = {divisor: this.peerCase.attrs.scale, pastLen: 0};
    const logits = this.engine.runKernel('AttentionMask', {q, k}, attrs);
    const weights = this.engine.runKernel(this.softmaxName, {logits}, {dim: 3});
    logits.dispose();
    return weights;
  }

  private mix(weights: NanogptTensor, v: NanogptTensor): NanogptTensor {
    const attrs = {transposeA: false, transposeB: false};
    return this.engine.runKernel('MatMul16', {A: weights, B: v}, attrs);
  }

  private rotation(back: boolean): Side {
    const {shape} = this.peerCase.inputs.x;
    const width = shape[shape.length - 1];
    this.values.x = neighbours(this.values.x as Float32Array, width);
    const [x, cos, sin] = this.inputs('x', 'cos', 'sin').map((t, i) =>
      i === 0 ? t : this.engine.runKernel('Reshape', {x: t}, {shape: [...t.shape, 1]}),
    );
    const negative = this.engine.runKernel('Neg', {x: sin});
    const ropeCache = {
      ensureRopeCache() {},
      getCos: () => cos,
      getSin: () => sin,
      getNegSin: () => negative,
    };
    const attrs = {pastLen: 0, negSin: false, ropeCache};
    const turnBack = gradient('Rope');
    const run = back
      ? () => [turnBack(x, [], attrs).x()]
      : () => [this.engine.runKernel('Rope', {x}, attrs)];
    return {run, order: ([values]) => [halves(values, width)]};
  }
}

/** Of its copy of tfjs. */
function gradient(kernel: string): GradFunc {
  const {_tfGlobals: globals} = globalThis as unknown as {
    _tfGlobals: Map<string, Map<string, {gradFunc: GradFunc}>>;
  };
  return globals.get('gradRegistry')!.get(kernel)!.gradFunc;
}

/** Values `i` and `i + width / 2` of a row, which we turn together, become neighbours, which nanogpt does. */
function neighbours(values: Float32Array, width: number): Float32Array {
  return values.map((_, at) => {
    const i = at % width;
    return values[at - i + (i >> 1) + (i % 2) * (width / 2)];
  });
}

/** Undoes `neighbours`. */
function halves(values: Float32Array, width: number): Float32Array {
  return values.map((_, at) => {
    const i = at % width;
    const half = width / 2;
    return values[at - i + (i < half ? 2 * i : 2 * (i - half) + 1)];
  });
}
