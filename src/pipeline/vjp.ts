/**
 * Forward now, backward later, several in flight: what a pipeline stage needs and `tf.grads` does not offer. The sums
 * are made in the same order as in `tf.grads`, so that the gradients are the same to the last bit.
 */
import * as tf from '@tensorflow/tfjs-core';
import {checkOptions} from '../ops/check_options.js';
import {
  checkBoolean,
  checkFunction,
  checkList,
  checkTensor,
  refuseValue,
} from '../ops/check_values.js';
import {backpropagate, disposeSaved, pathNodes, record, type TapeNode} from './tape.js';

/** Gradients of one `backward`. The caller owns the tensors. */
export interface VjpGradients {
  /** One for each input; null where the input is not float32 or no output depends on it. */
  inputs: Array<tf.Tensor | null>;
  /** By variable name; variables that no output depends on are absent. */
  variables: tf.NamedTensorMap;
}

/** A forward pass whose backward pass is still to come. */
export interface Vjp {
  /** What `f` returned. Owned by the caller like the result of any op; `backward` does not need them. */
  readonly outputs: tf.Tensor[];
  /** Bytes held for `backward`, without the variables themselves and counting shared buffers once. */
  readonly heldBytes: number;
  /**
   * Vector-Jacobian product, once. Frees everything held, also when it throws.
   * @param dys one gradient an output, in its shape, float32; null where the loss does not depend on that output.
   */
  backward(dys: Array<tf.Tensor | null>): VjpGradients;
  /** Frees everything held without a backward pass. Harmless when called twice or after `backward`. */
  dispose(): void;
}

export interface VjpOptions {
  /** Keep only the inputs and run `f` again in `backward`: less memory, one more forward. `f` must be deterministic. */
  recompute?: boolean;
}

/**
 * Runs `f(...inputs)` and keeps what its backward pass needs.
 *
 * @param f one or several tensors from the inputs and the variables. Tensors that change from call to call (token ids)
 *     should be inputs, not closed over, so that recomputation still has them.
 * @param variables those whose gradients are wanted.
 * @throws Error naming an argument that is none of these, and when called while another tape is being recorded.
 */
export function vjp(
  f: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  inputs: tf.Tensor[],
  variables: tf.Variable[] = [],
  options: VjpOptions = {},
): Vjp {
  checkArguments(f, inputs, variables, options);
  return options.recompute
    ? new RecomputedVjp(f, inputs, variables)
    : new TapedVjp(f, inputs, variables);
}

class TapedVjp implements Vjp {
  readonly outputs: tf.Tensor[];
  readonly heldBytes: number;
  private tape: TapeNode[] | null;
  private readonly shapes: number[][];
  private readonly outputIds: number[];

  constructor(
    f: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
    private readonly inputs: tf.Tensor[],
    private readonly variables: tf.Variable[],
  ) {
    const given = new Set<tf.Tensor>([...inputs, ...variables]);
    const {result, tape} = record(() => {
      const outputs = [f(...inputs)].flat();
      // An output of its own for each: the caller may dispose it, and every gradient has one place to start.
      return outputs.map((y, i) => (given.has(y) || outputs.indexOf(y) < i ? y.clone() : y));
    });
    this.outputs = result;
    this.shapes = result.map((y) => y.shape);
    this.outputIds = result.map((y) => y.id);
    this.tape = pathNodes(tape, this.differentiable(), result);
    const needed = new Set(this.tape.map((node) => node.id));
    disposeSaved(tape.filter((node) => !needed.has(node.id)));
    this.heldBytes = bytesOf(
      this.tape.flatMap((node) => node.saved ?? []),
      variables,
    );
  }

  backward(dys: Array<tf.Tensor | null>): VjpGradients {
    const {tape} = this;
    if (tape == null) {
      throw new Error(
        'backward() was called twice, or after dispose(): run the forward pass again.',
      );
    }
    this.tape = null;
    try {
      checkDys(dys, this.shapes);
      return tf.tidy(
        () => this.walk(tape, dys) as unknown as tf.TensorContainerObject,
      ) as unknown as VjpGradients;
    } finally {
      disposeSaved(tape);
    }
  }

  dispose(): void {
    disposeSaved(this.tape ?? []);
    this.tape = null;
  }

  private differentiable(): tf.Tensor[] {
    return [...this.inputs.filter((x) => x.dtype === 'float32'), ...this.variables];
  }

  /** Walks the tape backwards. Gradients and saved tensors are freed as soon as no later node can ask for them. */
  private walk(tape: TapeNode[], dys: Array<tf.Tensor | null>): VjpGradients {
    const wanted = new Set(this.differentiable().map((x) => x.id));
    const gradients = new Map<number, tf.Tensor>();
    this.outputIds.forEach((id, i) => {
      const dy = dys[i];
      if (dy != null) {
        gradients.set(id, dy.clone());
      }
    });
    for (const node of tape.reverse()) {
      if (node.outputs.some((y) => gradients.has(y.id))) {
        const dxs = backpropagate(
          node,
          node.outputs.map((y) => gradients.get(y.id) ?? null),
        );
        Object.values(node.inputs).forEach((x, i) => {
          const before = gradients.get(x.id);
          gradients.set(x.id, before == null ? dxs[i] : tf.add(before, dxs[i]));
          if (before != null) {
            before.dispose();
            dxs[i].dispose();
          }
        });
      }
      for (const y of node.outputs) {
        if (!wanted.has(y.id)) {
          gradients.get(y.id)?.dispose();
          gradients.delete(y.id);
        }
      }
      disposeSaved([node]);
    }
    const inputs = this.inputs.map((x, i) => {
      const dx = x.dtype === 'float32' ? (gradients.get(x.id) ?? null) : null;
      return dx != null && this.inputs.indexOf(x) < i ? dx.clone() : dx;
    });
    const found = this.variables.filter((v) => gradients.has(v.id));
    return {
      inputs,
      variables: Object.fromEntries(found.map((v) => [v.name, gradients.get(v.id)!])),
    };
  }
}

class RecomputedVjp implements Vjp {
  readonly outputs: tf.Tensor[];
  readonly heldBytes: number;
  private kept: tf.Tensor[] | null;

  constructor(
    private readonly f: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
    inputs: tf.Tensor[],
    private readonly variables: tf.Variable[],
  ) {
    const given = new Set<tf.Tensor>([...inputs, ...variables]);
    this.outputs = tf.tidy(() => {
      const outputs = [f(...inputs)].flat();
      return outputs.map((y, i) => (given.has(y) || outputs.indexOf(y) < i ? y.clone() : y));
    });
    this.kept = inputs.map((x) => tf.keep(x.clone()));
    this.heldBytes = bytesOf(this.kept, variables);
  }

  backward(dys: Array<tf.Tensor | null>): VjpGradients {
    const {kept} = this;
    if (kept == null) {
      throw new Error(
        'backward() was called twice, or after dispose(): run the forward pass again.',
      );
    }
    this.kept = null;
    try {
      const again = new TapedVjp(this.f, kept, this.variables);
      again.outputs.forEach((y) => y.dispose());
      return again.backward(dys);
    } finally {
      kept.forEach((x) => x.dispose());
    }
  }

  dispose(): void {
    this.kept?.forEach((x) => x.dispose());
    this.kept = null;
  }
}

function checkArguments(
  f: unknown,
  inputs: tf.Tensor[],
  variables: tf.Variable[],
  options: VjpOptions,
): void {
  checkFunction('vjp', 'f', f, 'a function of the inputs that returns tensors');
  checkList('vjp', 'inputs', inputs, 'a list of tensors');
  inputs.forEach((input, i) => checkTensor('vjp', `inputs[${i}]`, input));
  checkList('vjp', 'variables', variables, 'a list of variables');
  variables.forEach((variable, i) => {
    if (!(variable instanceof tf.Variable)) {
      refuseValue('vjp', `variables[${i}]`, variable, 'a tf.Variable, such as weight.read()');
    }
  });
  checkOptions('vjp, options', options, '{recompute: true}', ['recompute']);
  if (options.recompute != null) checkBoolean('vjp', 'recompute', options.recompute);
}

function checkDys(dys: Array<tf.Tensor | null>, shapes: number[][]): void {
  checkList('backward(dys)', 'dys', dys, 'a list with a gradient or null for each output');
  if (dys.length !== shapes.length) {
    throw new Error(`backward(dys) got ${dys.length} gradients for ${shapes.length} outputs.`);
  }
  dys.forEach((dy, i) => {
    if (dy != null) checkTensor('backward(dys)', `dys[${i}]`, dy);
    if (dy != null && (dy.dtype !== 'float32' || !tf.util.arraysEqual(dy.shape, shapes[i]))) {
      throw new Error(
        `backward(dys): dys[${i}] is ${dy.dtype} [${dy.shape}], but output ${i} is float32 [${shapes[i]}].`,
      );
    }
  });
}

function bytesOf(tensors: tf.Tensor[], without: tf.Tensor[]): number {
  const seen = new Set<object>(without.map((t) => t.dataId));
  let bytes = 0;
  for (const t of tensors) {
    if (!seen.has(t.dataId)) {
      seen.add(t.dataId);
      bytes += t.size * tf.util.bytesPerElement(t.dtype);
    }
  }
  return bytes;
}
