/**
 * The few private parts of tfjs's engine that recording a tape needs, in one place. tfjs-core has no public way to run a
 * forward pass now and its backward pass later (`tf.grads` does both in one call), but the engine's tape can be taken
 * away and walked later. If a tfjs release renames what is used here, `assertTape` says so before anything is computed.
 */
import * as tf from '@tensorflow/tfjs-core';

/** One recorded kernel call. `saved` are the kept clones that `gradient` reads. */
export interface TapeNode {
  id: number;
  kernelName: string;
  inputs: {[name: string]: tf.Tensor};
  outputs: tf.Tensor[];
  gradient?: (dys: Array<tf.Tensor | null>) => {[inputName: string]: () => tf.Tensor};
  saved?: tf.Tensor[];
}

interface TapeEngine {
  state: {activeTape: TapeNode[] | null; gradientDepth: number; kernelDepth: number};
  startTape(): void;
  endTape(): void;
}

function tapeEngine(): TapeEngine {
  const engine = tf.engine() as unknown as TapeEngine;
  assertTape(engine);
  return engine;
}

/**
 * Checks that the engine has the private fields that taking a tape relies on.
 * @throws Error naming the first missing field and this version of tfjs-core.
 */
export function assertTape(engine: unknown = tf.engine()): void {
  const {startTape, endTape, state} = engine as Partial<TapeEngine>;
  const missing =
    typeof startTape !== 'function'
      ? 'startTape()'
      : typeof endTape !== 'function'
        ? 'endTape()'
        : typeof state?.gradientDepth !== 'number'
          ? 'state.gradientDepth'
          : typeof state.kernelDepth !== 'number'
            ? 'state.kernelDepth'
            : null;
  if (missing != null) {
    throw new Error(
      `The engine of @tensorflow/tfjs-core ${tf.version_core} has no ${missing}, which vjp() needs to keep the ` +
        `gradient tape of a microbatch. Use the tfjs version in this package's peerDependencies.`,
    );
  }
}

/**
 * Runs `f` and returns its result with the tape of all that it computed. The caller owns the `saved` tensors of every
 * node. Intermediate tensors are disposed, what `f` returns is not.
 * @throws Error when called inside `tf.grads` or another recording, or when the tape does not look as expected.
 */
export function record<T extends tf.TensorContainer>(f: () => T): {result: T; tape: TapeNode[]} {
  const engine = tapeEngine();
  const {state} = engine;
  if (state.gradientDepth !== 0 || state.kernelDepth !== 0) {
    throw new Error(
      'vjp() was called inside tf.grads(), a kernel or another vjp(): call it outside.',
    );
  }
  engine.startTape();
  let result: T;
  let done = false;
  try {
    result = tf.tidy(f);
    done = true;
  } finally {
    engine.endTape();
    if (!done) {
      disposeSaved(state.activeTape ?? []);
      state.activeTape = null;
    }
  }
  const tape = state.activeTape;
  state.activeTape = null;
  const odd =
    !Array.isArray(tape) ||
    tape.some((node) => node.inputs == null || !Array.isArray(node.outputs) || node.id == null);
  if (odd) {
    throw new Error(
      `The tape of @tensorflow/tfjs-core ${tf.version_core} is not a list of nodes with id, inputs and outputs, ` +
        `which vjp() needs. Use the tfjs version in this package's peerDependencies.`,
    );
  }
  return {result, tape};
}

/** Disposes what the nodes saved for their gradients. */
export function disposeSaved(tape: TapeNode[]): void {
  for (const node of tape) {
    node.saved?.forEach((tensor) => tensor.dispose());
    node.saved = [];
  }
}

/**
 * The nodes that lie on a path from `xs` to `ys`, with inputs that do not depend on `xs` left out, in recorded order
 * (tfjs's `getFilteredNodesXToY`, for several ys).
 */
export function pathNodes(tape: TapeNode[], xs: tf.Tensor[], ys: tf.Tensor[]): TapeNode[] {
  const fromX = new Set(xs.map((x) => x.id));
  const reached = tape.filter((node) => {
    const depends = Object.values(node.inputs).some((input) => fromX.has(input.id));
    if (depends) {
      node.outputs.forEach((output) => fromX.add(output.id));
    }
    return depends;
  });
  const toY = new Set(ys.map((y) => y.id));
  const kept: TapeNode[] = [];
  for (const node of reached.reverse()) {
    if (node.outputs.some((output) => toY.has(output.id))) {
      const inputs = Object.entries(node.inputs).filter(([, input]) => fromX.has(input.id));
      inputs.forEach(([, input]) => toY.add(input.id));
      kept.push({...node, inputs: Object.fromEntries(inputs)});
    }
  }
  return kept.reverse();
}

/** Gradients of one node's inputs, each a tensor of its own that is not one of `dys`. */
export function backpropagate(node: TapeNode, dys: Array<tf.Tensor | null>): tf.Tensor[] {
  if (node.gradient == null) {
    throw new Error(`Cannot compute gradient: gradient function not found for ${node.kernelName}.`);
  }
  const gradient = node.gradient;
  return tf.tidy(() => {
    const thunks = gradient(dys);
    const taken = new Set<tf.Tensor | null>(dys);
    return Object.entries(node.inputs).map(([name, x]) => {
      if (thunks[name] == null) {
        throw new Error(
          `Cannot backprop through input ${name} of ${node.kernelName}. ` +
            `Available gradients found: ${Object.keys(thunks).join(', ')}.`,
        );
      }
      const dx = tf.tidy(() => thunks[name]());
      if (dx.dtype !== 'float32' || !tf.util.arraysEqual(dx.shape, x.shape)) {
        throw new Error(
          `The gradient of ${node.kernelName} for its input ${name} is ${dx.dtype} [${dx.shape}], ` +
            `expected float32 [${x.shape}].`,
        );
      }
      const own = taken.has(dx) ? dx.clone() : dx;
      taken.add(own);
      return own;
    });
  });
}
