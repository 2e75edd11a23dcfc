import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients of all tfjs ops.
import '@tensorflow/tfjs-layers';
import {assertTape, record} from '../../src/pipeline/tape.js';
import {vjp, type VjpGradients} from '../../src/pipeline/vjp.js';

describe('vjp', () => {
  let w: tf.Variable;
  let b: tf.Variable;
  let variables: tf.Variable[];

  beforeEach(() => {
    w = tf.variable(tf.randomNormal([4, 4], 0, 1, 'float32', 1), true);
    b = tf.variable(tf.randomNormal([4], 0, 1, 'float32', 2), true);
    variables = [w, b];
  });

  afterEach(() => tf.dispose(variables));

  // Uses x three times and w twice, so that sums of several gradients are made.
  const f = (x: tf.Tensor): tf.Tensor => {
    const h = tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), b);
    return tf.mul(tf.add(tf.matMul(tf.tanh(h) as tf.Tensor2D, w as tf.Tensor2D), x), tf.sigmoid(x));
  };

  const sample = (seed: number): tf.Tensor => tf.randomNormal([3, 4], 0, 1, 'float32', seed);

  /** What tf.grads and tf.variableGrads give for the same dy. */
  function reference(x: tf.Tensor, dy: tf.Tensor): number[][] {
    return tf.tidy(() => {
      const [dx] = tf.grads((t: tf.Tensor) => f(t))([x], dy);
      const {grads} = tf.variableGrads(() => tf.sum(tf.mul(f(x), dy)) as tf.Scalar, variables);
      return [dx, grads[w.name], grads[b.name]].map((t) => Array.from(t.dataSync()));
    });
  }

  function values(gradients: VjpGradients): number[][] {
    const {inputs, variables: named} = gradients;
    return [inputs[0]!, named[w.name], named[b.name]].map((t) => Array.from(t.dataSync()));
  }

  for (const recompute of [false, true]) {
    it(`gives the gradients of tf.grads, three forwards in flight, recompute ${recompute}`, () => {
      const xs = [3, 4, 5].map(sample);
      const dys = [6, 7, 8].map(sample);
      const expected = xs.map((x, i) => reference(x, dys[i]));
      const before = tf.memory().numTensors;
      const flights = xs.map((x) => vjp(f, [x], variables, {recompute}));
      for (const i of [1, 0, 2]) {
        const [y] = flights[i].outputs;
        const direct = tf.tidy(() => f(xs[i]));
        expect(Array.from(y.dataSync())).toEqual(Array.from(direct.dataSync()));
        const gradients = flights[i].backward([dys[i]]);
        expect(values(gradients)).toEqual(expected[i]);
        tf.dispose([gradients as unknown as tf.TensorContainer, y, direct]);
      }
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([xs, dys]);
    });
  }

  it('frees all it holds on dispose, and works for inputs disposed meanwhile', () => {
    const x = sample(3);
    const before = tf.memory().numTensors;
    const flight = vjp(f, [x], variables);
    expect(flight.heldBytes).toBeGreaterThan(0);
    tf.dispose(flight.outputs);
    expect(tf.memory().numTensors).toBeGreaterThan(before);
    flight.dispose();
    flight.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => flight.backward([x])).toThrowError(/twice, or after dispose/);

    const dy = sample(4);
    const expected = reference(x, dy);
    const gone = tf.clone(x);
    const again = vjp(f, [gone], variables);
    gone.dispose();
    const gradients = again.backward([dy]);
    expect(values(gradients)).toEqual(expected);
    tf.dispose([gradients as unknown as tf.TensorContainer, again.outputs, x, dy]);
  });

  it('keeps nothing of what no wanted gradient needs', () => {
    const x = sample(3);
    const before = tf.memory().numTensors;
    const flight = vjp((t) => tf.add(tf.exp(tf.tanh(x)), tf.add(t, b)), [b], [b]);
    tf.dispose(flight.outputs);
    // Tanh and Exp do not depend on what gradients are wanted for; the two Adds save two inputs each.
    expect(tf.memory().numTensors - before).toBe(4);
    flight.dispose();
    x.dispose();
  });

  it('holds less when it recomputes', () => {
    const x = sample(3);
    const stored = vjp(f, [x], variables);
    const recomputed = vjp(f, [x], variables, {recompute: true});
    expect(recomputed.heldBytes).toBe(3 * 4 * 4);
    expect(stored.heldBytes).toBeGreaterThan(2 * recomputed.heldBytes);
    stored.dispose();
    recomputed.dispose();
    tf.dispose([stored.outputs, recomputed.outputs, x]);
  });

  it('takes several outputs, null gradients, outputs that are inputs, and integer inputs', () => {
    const x = sample(3);
    const ids = tf.tensor1d([1, 0, 1], 'int32');
    const dy = sample(4);
    const flight = vjp(
      (t, i) => [t, tf.add(t, tf.gather(w, i as tf.Tensor1D)), tf.mul(t, 2)],
      [x, ids],
      [w],
    );
    expect(flight.outputs[0]).not.toBe(x);
    const {inputs, variables: named} = flight.backward([dy, dy, null]);
    // d(t)/dt + d(t + gather)/dt = 2 dy; the third output has no gradient.
    expect(Array.from(inputs[0]!.dataSync())).toEqual(
      Array.from(dy.dataSync()).map((v) => Math.fround(v + v)),
    );
    expect(inputs[1]).toBeNull();
    // Row 0 of w was looked up by position 1, row 1 by positions 0 and 2, rows 2 and 3 by none.
    const d = dy.arraySync() as number[][];
    const rows = named[w.name].arraySync() as number[][];
    expect(rows[0]).toEqual(d[1]);
    expect(rows[1]).toEqual(d[0].map((v, i) => Math.fround(v + d[2][i])));
    expect(rows[3]).toEqual([0, 0, 0, 0]);
    tf.dispose([inputs[0]!, named, flight.outputs, x, ids, dy]);
  });

  it('leaves out variables that no output depends on', () => {
    const x = sample(3);
    const flight = vjp((t) => tf.mul(t, tf.slice(w, [0, 0], [3, 4])), [x], variables);
    const gradients = flight.backward([x]);
    expect(Object.keys(gradients.variables)).toEqual([w.name]);
    tf.dispose([gradients as unknown as tf.TensorContainer, flight.outputs, x]);
  });

  it('keeps a gradient function that returns its dy, or one tensor twice, from freeing it early', () => {
    const pass = tf.customGrad((a, c) => ({
      value: tf.add(a as tf.Tensor, c as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => [dy, dy],
    }));
    const x = sample(3);
    const flight = vjp((t) => pass(pass(t, tf.mul(t, 3)), t), [x], []);
    const ones = tf.onesLike(x);
    const {inputs} = flight.backward([ones]);
    expect(Array.from(inputs[0]!.dataSync())).toEqual(new Array(12).fill(5));
    expect(ones.isDisposed).toBe(false);
    tf.dispose([inputs[0]!, flight.outputs, x, ones]);
  });

  it('frees everything when f, a gradient or the given dys fail', () => {
    const x = sample(3);
    const before = tf.memory().numTensors;
    const fails = () =>
      vjp(
        (t) => {
          f(t);
          throw new Error('in f');
        },
        [x],
        variables,
      );
    expect(fails).toThrowError('in f');
    const flight = vjp(f, [x], variables);
    const wrong = tf.zeros([2, 2]);
    expect(() => flight.backward([wrong])).toThrowError(/dys\[0\] is float32 \[2,2\].*\[3,4\]/);
    tf.dispose([flight.outputs, wrong]);
    const broken = tf.customGrad((a) => ({
      value: tf.square(a as tf.Tensor),
      gradFunc: () => {
        throw new Error('in gradient');
      },
    }));
    const second = vjp((t) => tf.exp(broken(f(t))), [x], variables);
    expect(() => second.backward([x])).toThrowError('in gradient');
    tf.dispose(second.outputs);
    expect(tf.memory().numTensors).toBe(before);
    // The engine records nothing afterwards.
    tf.tidy(() => expect(f(x).shape).toEqual([3, 4]));
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });

  it('refuses to run inside another recording', () => {
    expect(() =>
      tf.grad((t: tf.Tensor) => vjp(f, [t], variables).outputs[0])(sample(3)),
    ).toThrowError(/inside tf\.grads/);
    tf.engine().state.activeTape?.forEach((node) => node.saved?.forEach((t) => t.dispose()));
    tf.engine().state.activeTape = null as never;
  });
});

describe('the tape of tfjs-core', () => {
  it('still has the private parts that vjp uses', () => {
    expect(() => assertTape()).not.toThrow();
    const x = tf.tensor1d([1, 2]);
    const {result, tape} = record(() => tf.square(x));
    const node = tape.find(({kernelName}) => kernelName === 'Square')!;
    expect(Object.keys(node).sort()).toEqual(
      ['gradient', 'id', 'inputs', 'kernelName', 'outputs', 'saved'].sort(),
    );
    expect(node.inputs['x'].id).toBe(x.id);
    expect(node.outputs[0].id).toBe(result.id);
    expect(node.saved!.length).toBe(1);
    const dx = node.gradient!([x])['x']();
    expect(Array.from(dx.dataSync())).toEqual([2, 8]);
    node.saved!.forEach((t) => t.dispose());
  });

  it('says what is missing when a release renames it', () => {
    expect(() => assertTape({})).toThrowError(/has no startTape\(\), which vjp\(\) needs/);
    const engine = {startTape: () => {}, endTape: () => {}, state: {gradientDepth: 0}};
    expect(() => assertTape(engine)).toThrowError(/has no state\.kernelDepth/);
  });
});
