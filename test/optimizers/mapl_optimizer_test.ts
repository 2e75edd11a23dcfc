import * as tf from '@tensorflow/tfjs-core';
import {randomStiefel} from '../../src/manifolds/index.js';
import {maplRole, schedules, train} from '../../src/optimizers/index.js';
import {expectClose, gaussian} from './helpers.js';

describe('train.mapl', () => {
  it('knows the variables of a LLaMA with boundaries', () => {
    const roles: Array<[string, number, string]> = [
      ['model.embed_tokens/weight', 2, 'embedding'],
      ['model.layers.0/self_attn.q_proj.weight', 2, 'hidden'],
      ['model.layers.11/self_attn.o_proj.weight', 2, 'hidden'],
      ['model.layers.0/mlp.down_proj.weight', 2, 'hidden'],
      ['model.layers.0/input_layernorm.weight', 1, 'adam'],
      ['model.layers.0/self_attn.q_proj.bias', 1, 'adam'],
      ['model.norm/weight', 1, 'adam'],
      ['lm_head/weight', 2, 'adam'],
      ['mapl.boundaries.0/projector', 2, 'projector'],
      ['mapl.anchors.1/table', 2, 'anchors'],
    ];
    for (const [name, rank, role] of roles) {
      expect(maplRole(name, {rank})).withContext(name).toBe(role);
    }
  });

  it('knows the weights of other models where their names tell', () => {
    const roles: Array<[string, number, string]> = [
      ['dense_1/kernel', 2, 'hidden'],
      ['lstm/recurrent_kernel', 2, 'hidden'],
      ['multihead/kernel', 2, 'hidden'],
      ['dense_1/bias', 1, 'adam'],
      ['conv2d/kernel', 4, 'adam'],
      ['embedding_1/embeddings', 2, 'embedding'],
      ['transformer.wte/weight', 2, 'embedding'],
      ['wte/bias', 1, 'adam'],
      ['classifier/kernel', 2, 'adam'],
      ['output/kernel', 2, 'adam'],
    ];
    for (const [name, rank, role] of roles) {
      expect(maplRole(name, {rank})).withContext(name).toBe(role);
    }
  });

  it('trains hidden matrices at the rate, the rest at half, projectors at a tenth', async () => {
    const optimizer = train.mapl({learningRate: 0.2, steps: 12});
    const hidden = tf.variable(tf.tensor2d([[0]]), true, 'dense/kernel_1');
    const bias = tf.variable(tf.tensor1d([0]), true, 'dense/bias_1');
    const a = tf.variable(tf.tensor2d([[1], [0]]), true, 'boundary/projector_1');
    optimizer.applyGradients({
      'dense/kernel_1': tf.tensor2d([[3]]),
      'dense/bias_1': tf.tensor1d([5]),
      'boundary/projector_1': tf.tensor2d([[1], [-2]]),
    });
    await expectClose(hidden, [-0.2], 1e-5);
    await expectClose(bias, [-0.1], 1e-5);
    // A turn by arctan 0.02.
    const root = Math.sqrt(1.0004);
    await expectClose(a, [1 / root, 0.02 / root], 1e-5);
    const weights = await optimizer.getWeights();
    expect(weights.map(({name}) => name)).toEqual([
      'iter',
      'boundary/projector_1/momentum',
      'dense/bias_1/m',
      'dense/bias_1/v',
      'dense/kernel_1/momentum',
    ]);
    weights[0].tensor.dispose();
    optimizer.dispose();
  });

  it('has the published rates by default, and follows schedules', () => {
    const rates = (optimizer: ReturnType<typeof train.mapl>) =>
      optimizer.groups.map((group) => group.optimizer.currentLearningRate);
    // Of projectors, hidden matrices, embedding, anchors, all else; projectors off the manifold have the projectors' rate.
    const expectRates = (actual: number[], [projectors, ...others]: number[]) =>
      [projectors, ...others, projectors].forEach((rate, i) =>
        expect(actual[i]).toBeCloseTo(rate, 12),
      );
    expectRates(rates(train.mapl()), [0.002, 0.02, 0.01, 0.01, 0.01]);
    const own = {adamLearningRate: 0.003, projectorLearningRate: 0.5};
    expectRates(rates(train.mapl(own)), [0.5, 0.02, 0.003, 0.003, 0.003]);
    const tables = {embeddingLearningRate: 0.04, anchorLearningRate: 0.08};
    expectRates(rates(train.mapl({...own, ...tables})), [0.5, 0.02, 0.04, 0.08, 0.003]);
    const learningRate = schedules.warmupConstant({peak: 0.4, warmupSteps: 2});
    expectRates(rates(train.mapl({learningRate})), [0.02, 0.2, 0.1, 0.1, 0.1]);
    const schedule = schedules.warmupConstant({warmupSteps: 4});
    expect(train.mapl({schedule}).currentLearningRate).toBe(0.25);
  });

  it('lets hidden, adam and projectors override the rule', () => {
    const optimizer = train.mapl({
      adam: 'dense_3/*',
      projectors: /basis$/,
      hidden: 'lm_head/weight',
    });
    const role = (name: string) => {
      const variable = tf.variable(tf.zeros([4, 2]), true, name);
      const {optimizer: own} = optimizer.groupOf(variable);
      variable.dispose();
      return own.getClassName();
    };
    expect(role('dense_3/kernel')).toBe('AdamW');
    expect(role('dense_2/kernel')).toBe('Muon');
    expect(role('x/basis')).toBe('Spel');
    expect(role('lm_head/weight')).toBe('Muon');
    const both = train.mapl({adam: 'a', hidden: 'a'});
    const a = tf.variable(tf.zeros([4, 2]), true, 'a');
    expect(() => both.groupOf(a)).toThrowError(/variable 'a' is in both hidden and adam/);
    const variables = [tf.variable(tf.zeros([2, 4]), true, 'wide/projector')];
    expect(() => train.mapl({variables})).toThrowError(/train.spel: variable 'wide\/projector'/);
    const misspelt = {learningrate: 1} as object;
    expect(() => train.mapl(misspelt)).toThrowError(
      /train.mapl: unknown key 'learningrate', did you mean 'learningRate'/,
    );
  });

  it('gives the same bits whatever other variables it trains: a stage equals the whole', async () => {
    const shapes: Record<string, number[]> = {
      'l0/q_proj.weight': [8, 8],
      'l1/q_proj.weight': [8, 8],
      'l1/down_proj.weight': [12, 8],
      'l0/norm.weight': [8],
      'b/projector': [8, 2],
    };
    const train3 = async (names: string[]) => {
      const optimizer = train.mapl({schedule: schedules.warmupConstant({warmupSteps: 3})});
      const variables = names.map((name, i) => {
        const isProjector = name === 'b/projector';
        const values = isProjector ? randomStiefel(8, 2, 1) : tf.zeros(shapes[name]);
        const value = values instanceof tf.Tensor ? values : tf.tensor2d(values, [8, 2]);
        return tf.variable(value, true, names[i]);
      });
      for (let step = 0; step < 3; step++) {
        const entries = names.map((name) => {
          const seed = 10 * step + Object.keys(shapes).indexOf(name);
          return [name, gaussian(shapes[name], seed)] as const;
        });
        optimizer.applyGradients(Object.fromEntries(entries), {globalNorm: 3});
      }
      const values = await Promise.all(variables.map(async (v) => Array.from(await v.data())));
      tf.dispose(variables);
      optimizer.dispose();
      return Object.fromEntries(names.map((name, i) => [name, values[i]]));
    };
    const names = Object.keys(shapes);
    const whole = await train3(names);
    const first = await train3(names.slice(0, 1).concat(names.slice(3)));
    const second = await train3(names.slice(1, 3).reverse());
    expect({...first, ...second}).toEqual(whole);
  });
});
