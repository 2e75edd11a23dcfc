/** Fails a spec that leaves tensors behind, and frees them so that one failure does not spread. */
import * as tf from '@tensorflow/tfjs-core';

let before = 0;
let variablesBefore = new Set<string>();

export function installLeakGuard(): void {
  beforeEach(() => {
    before = tf.memory().numTensors;
    variablesBefore = new Set(Object.keys(tf.engine().state.registeredVariables));
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    // Models and optimizers made by a spec are the spec's own; variables made in beforeAll stay.
    for (const [name, variable] of Object.entries(tf.engine().state.registeredVariables)) {
      if (!variablesBefore.has(name)) {
        variable.dispose();
      }
    }
    const left = tf.memory().numTensors - before;
    expect(left).withContext('tensors left behind by this spec').toBe(0);
  });
}
