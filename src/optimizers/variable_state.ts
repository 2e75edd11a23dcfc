/** What an optimizer remembers of each variable (momenta, …), keyed by the variable's name and never by position. */
import * as tf from '@tensorflow/tfjs-core';

/** A tensor and its name, as `tf.Optimizer.getWeights` gives them (tfjs does not export its own type). */
export interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** A name without the suffix `_1`, `_2`, … that tfjs adds when a variable of that name exists already. */
export function plainName(variableName: string): string {
  return variableName.replace(/_\d+$/, '');
}

/**
 * State tensors named `<variable>/<slot>`, made as zeros on first use.
 *
 * State that was loaded waits under its saved name until its variable is first updated. A variable finds its own by name, or
 * else by the name without tfjs's uniqueness suffix (a model built a second time in a process has `w_1` where its
 * checkpoint says `w`), if exactly one loaded entry has it.
 */
export class VariableState {
  private readonly slots = new Map<string, tf.Variable>();
  private readonly loaded = new Map<string, tf.Variable>();
  private restored = false;

  /** Whether the slot exists or waits among the loaded entries. */
  has(variable: tf.Variable, slot: string): boolean {
    const key = `${variable.name}/${slot}`;
    return this.slots.has(key) || this.findLoaded(variable.name, slot) != null;
  }

  /**
   * The state `slot` of `variable`, zeros of `shape` (default the variable's) if new.
   * @throws If loaded state has no entry for the variable, or one of another shape.
   */
  get(variable: tf.Variable, slot: string, shape: number[] = variable.shape): tf.Variable {
    const key = `${variable.name}/${slot}`;
    const known = this.slots.get(key);
    if (known != null) {
      return known;
    }
    const name = this.findLoaded(variable.name, slot);
    if (name == null && this.restored) {
      throw new Error(
        `The optimizer state that was loaded has no '${key}'. It has ` +
          `${[...this.loaded.keys()].join(', ') || 'nothing left'}: is it from another model or optimizer?`,
      );
    }
    let state: tf.Variable;
    if (name == null) {
      state = tf.tidy(() => tf.variable(tf.zeros(shape), false));
    } else {
      state = this.loaded.get(name)!;
      if (!tf.util.arraysEqual(state.shape, shape)) {
        throw new Error(
          `Optimizer state '${name}' has shape [${state.shape}], variable '${variable.name}' needs [${shape}].`,
        );
      }
      this.loaded.delete(name);
    }
    this.slots.set(key, state);
    return state;
  }

  /** All state, sorted by name; the tensors stay the optimizer's, do not dispose of them. */
  entries(): NamedTensor[] {
    return [...this.slots, ...this.loaded]
      .map(([name, tensor]) => ({name, tensor}))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Replaces all state by copies of `entries`. */
  load(entries: NamedTensor[]): void {
    const names = new Set<string>();
    for (const {name, tensor} of entries) {
      if (names.has(name)) {
        throw new Error(`Optimizer state '${name}' is given twice.`);
      }
      if (tensor.dtype !== 'float32') {
        throw new Error(`Optimizer state '${name}' has dtype ${tensor.dtype}, expected float32.`);
      }
      names.add(name);
    }
    const fresh = entries.map(({name, tensor}) => [name, tf.variable(tensor, false)] as const);
    this.dispose();
    for (const [name, variable] of fresh) {
      this.loaded.set(name, variable);
    }
    this.restored = entries.length > 0;
  }

  /**
   * Ends a restore once every variable of a step has fetched its state: what is left belongs to variables that are not
   * here, for instance when a stage read the state of the whole model, and is freed.
   */
  endRestore(): void {
    this.restored = false;
    this.loaded.forEach((variable) => variable.dispose());
    this.loaded.clear();
  }

  dispose(): void {
    this.endRestore();
    this.slots.forEach((variable) => variable.dispose());
    this.slots.clear();
  }

  private findLoaded(variableName: string, slot: string): string | undefined {
    if (this.loaded.has(`${variableName}/${slot}`)) {
      return `${variableName}/${slot}`;
    }
    const plain = plainName(variableName);
    const matches = [...this.loaded.keys()].filter(
      (name) => name.endsWith(`/${slot}`) && plainName(name.slice(0, -slot.length - 1)) === plain,
    );
    if (matches.length > 1) {
      throw new Error(
        `Variable '${variableName}' could be any of the loaded optimizer state ${matches.join(', ')}. ` +
          `Give the variables of the model the names they had when the state was saved.`,
      );
    }
    return matches[0];
  }
}
