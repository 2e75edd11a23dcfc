import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {randomStiefel, stiefel} from '../../src/manifolds/index.js';
import {schedules, train, type NamedOptimizer} from '../../src/optimizers/index.js';
import {gaussian, restoreState, saveState} from './helpers.js';

const learningRate = schedules.warmupLinear({peak: 0.1, warmupSteps: 2, totalSteps: 20});

/** Every optimizer, with options that are not the defaults. */
const OPTIMIZERS: Record<string, () => NamedOptimizer> = {
  spel: () => train.spel({learningRate, momentum: 0.8, clipNorm: 2}),
  muon: () =>
    train.muon({learningRate, momentum: 0.8, nesterov: false, weightDecay: 0.1, steps: 3}),
  adamw: () =>
    train.adamw({
      learningRate,
      beta1: 0.8,
      beta2: 0.7,
      epsilon: 1e-3,
      weightDecay: 0.2,
      clipNorm: 3,
    }),
  riemannianSgd: () =>
    train.riemannianSgd({
      learningRate,
      momentum: 0.8,
      nesterov: true,
      retraction: 'qr',
      stabilize: 2,
    }),
  riemannianAdam: () =>
    train.riemannianAdam({
      learningRate,
      beta1: 0.8,
      beta2: 0.7,
      epsilon: 1e-3,
      manifold: stiefel,
      retraction: 'cayley',
      stabilize: 3,
    }),
  groups: () =>
    train.groups(
      [
        {match: '*/pro_jector', optimizer: train.spel({learningRate: 0.1})},
        {match: /some_(kernel|o_proj)$/i, optimizer: train.muon({learningRate: 0.1})},
        {match: true, optimizer: train.adamw({learningRate})},
      ],
      {clipNorm: 1, schedule: learningRate},
    ),
  mapl: () =>
    train.mapl({
      learningRate: 0.3,
      adamLearningRate: learningRate,
      embeddingLearningRate: 0.2,
      anchorLearningRate: learningRate,
      schedule: learningRate,
      clipNorm: 1,
      projectors: '*/pro_jector',
      hidden: /some_kernel/,
    }),
};

const NAMES = ['x/pro_jector', 'x/some_kernel', 'x/rest'];

function makeVariables(suffix = ''): tf.Variable[] {
  return NAMES.map((name, i) =>
    tf.variable(tf.tensor2d(randomStiefel(5, 2, i), [5, 2]), true, name + suffix),
  );
}

function step(optimizer: NamedOptimizer, variables: tf.Variable[], index: number): void {
  tf.tidy(() => {
    const gradients = variables.map(
      ({name}, i) => [name, gaussian([5, 2], 7 * index + i)] as const,
    );
    optimizer.applyGradients(Object.fromEntries(gradients));
  });
}

async function values(variables: tf.Variable[]): Promise<number[][]> {
  return Promise.all(variables.map(async (v) => Array.from(await v.data())));
}

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  describe(`state of train.${name}`, () => {
    it('a run stopped and resumed equals one that was not, bit for bit', async () => {
      const straight = make();
      const variables = makeVariables();
      for (let i = 0; i < 5; i++) {
        step(straight, variables, i);
      }
      const expected = await values(variables);
      const expectedState = await saveState(straight);
      straight.dispose();
      tf.dispose(variables);

      const first = make();
      const before = makeVariables();
      for (let i = 0; i < 3; i++) {
        step(first, before, i);
      }
      const saved = await saveState(first);
      const weights = await values(before);
      first.dispose();
      tf.dispose(before);

      const second = make();
      const resumed = makeVariables();
      resumed.forEach((v, i) => v.assign(tf.tensor(weights[i], v.shape)));
      await restoreState(second, saved);
      expect(second.iterations).toBe(3);
      // What was loaded can be saved again before it is used.
      expect(await saveState(second)).toEqual(saved);
      // Resuming must not depend on the order of the variables.
      for (let i = 3; i < 5; i++) {
        step(second, resumed, i);
      }
      expect(await values(resumed)).toEqual(expected);
      expect(await saveState(second)).toEqual(expectedState);
      second.dispose();
      tf.dispose(resumed);
    });

    it('comes back from its configuration, as tfjs-layers saves it', async () => {
      const original = make();
      const json = JSON.parse(JSON.stringify(original.getConfig()));
      const [optimizerClass, fromConfig] =
        tf.serialization.SerializationMap.getMap().classNameMap[original.getClassName()];
      const copy = fromConfig(optimizerClass, json) as NamedOptimizer;
      expect(copy.getConfig()).toEqual(original.getConfig());
      const results = [];
      for (const optimizer of [original, copy]) {
        const variables = makeVariables();
        for (let i = 0; i < 3; i++) {
          step(optimizer, variables, i);
        }
        results.push(await values(variables));
        optimizer.dispose();
        tf.dispose(variables);
      }
      expect(results[1]).toEqual(results[0]);
    });

    it('leaks nothing and frees all on dispose', async () => {
      const variables = makeVariables();
      const none = tf.memory().numTensors;
      const optimizer = make();
      step(optimizer, variables, 0);
      const before = tf.memory().numTensors;
      step(optimizer, variables, 1);
      step(optimizer, variables, 2);
      expect(tf.memory().numTensors).toBe(before);
      optimizer.dispose();
      expect(tf.memory().numTensors).toBe(none);
      tf.dispose(variables);
    });
  });
}

describe('optimizer state', () => {
  it('finds its variables in another order, beside others, and with another suffix', async () => {
    const optimizer = train.adamw({learningRate: 0.1});
    const variables = makeVariables();
    step(optimizer, variables, 0);
    const saved = await saveState(optimizer);
    // A second model of the same names in one process gets the suffix _1; this stage holds two of the three variables.
    const again = makeVariables('_1');
    const stage = [again[2], again[0]];
    again.forEach((v, i) => v.assign(variables[i].clone()));
    const other = train.adamw({learningRate: 0.1});
    await restoreState(other, saved);
    const gradients = [9, 7].map((seed) => gaussian([5, 2], seed));
    other.applyGradients(stage.map(({name}, i) => ({name, tensor: gradients[i]})));
    step(optimizer, variables, 1);
    const [a, , c] = await values(variables);
    expect(await values(stage)).toEqual([c, a]);
    const left = await saveState(other);
    expect(left.map(({name}) => name)).toEqual([
      'iter',
      'x/pro_jector_1/m',
      'x/pro_jector_1/v',
      'x/rest_1/m',
      'x/rest_1/v',
    ]);
    optimizer.dispose();
    other.dispose();
  });

  it('refuses state that is not there, has another shape, or is ambiguous', async () => {
    const optimizer = train.adamw({learningRate: 0.1});
    const variables = makeVariables();
    step(optimizer, variables, 0);
    const saved = await saveState(optimizer);
    optimizer.dispose();
    const load = async (edit: (entries: typeof saved) => typeof saved) => {
      const other = train.adamw({learningRate: 0.1});
      try {
        await restoreState(other, edit(structuredClone(saved)));
        step(other, variables, 1);
      } finally {
        other.dispose();
      }
    };
    await expectAsync(load((s) => s.filter(({name}) => name !== 'x/rest/m'))).toBeRejectedWithError(
      /loaded has no 'x\/rest\/m'.*another model or optimizer/,
    );
    const reshape = (s: typeof saved) =>
      s.map((entry) => (entry.name === 'x/rest/m' ? {...entry, shape: [2, 5]} : entry));
    await expectAsync(load(reshape)).toBeRejectedWithError(
      /'x\/rest\/m' has shape \[2,5\], variable 'x\/rest' needs \[5,2\]/,
    );
    const rename = (s: typeof saved) =>
      s.flatMap((entry) =>
        entry.name === 'x/rest/m'
          ? ['x/rest_1/m', 'x/rest_2/m'].map((name) => ({...entry, name}))
          : [entry],
      );
    await expectAsync(load(rename)).toBeRejectedWithError(/'x\/rest' could be any of/);
    await expectAsync(load((s) => s.slice(1))).toBeRejectedWithError(/expected the scalar 'iter'/);
    await expectAsync(load((s) => [...s, s[1]])).toBeRejectedWithError(/given twice/);
    const integers = (s: typeof saved) =>
      s.map((entry) => (entry.name === 'iter' ? entry : {...entry, dtype: 'int32' as const}));
    await expectAsync(load(integers)).toBeRejectedWithError(/dtype int32, expected float32/);
  });

  it('setIterations places a schedule', () => {
    const optimizer = train.adamw({learningRate});
    optimizer.setIterations(11);
    // 9 of 18 steps down
    expect(optimizer.currentLearningRate).toBeCloseTo(0.05, 12);
    expect(() => optimizer.setIterations(-1)).toThrowError(/iterations is -1/);
  });

  it('is saved with a model and its optimizer by tfjs-layers', async () => {
    const build = () =>
      tfl.sequential({
        layers: [
          tfl.layers.dense({units: 3, inputShape: [2], name: 'hid_den', activation: 'tanh'}),
          tfl.layers.dense({units: 1, name: 'output'}),
        ],
      });
    const model = build();
    model.compile({
      optimizer: train.mapl({learningRate: 0.1, schedule: learningRate, adam: 'hid_den/*'}),
      loss: 'meanSquaredError',
    });
    const [x, y] = [gaussian([4, 2], 1), gaussian([4, 1], 2)];
    const options = {epochs: 2, verbose: 0, shuffle: false};
    await model.fit(x, y, options);
    let artifacts: tf.io.ModelArtifacts | undefined;
    const save = tf.io.withSaveHandler(async (saved) => {
      artifacts = saved;
      return {modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(saved)};
    });
    await model.save(save, {includeOptimizer: true});
    await model.fit(x, y, options);
    const expected = await Promise.all(model.getWeights().map((w) => w.data()));

    const copy = await tfl.loadLayersModel(tf.io.fromMemory(artifacts!));
    expect((copy.optimizer as NamedOptimizer).iterations).toBe(2);
    await copy.fit(x, y, options);
    const actual = await Promise.all(copy.getWeights().map((w) => w.data()));
    expect(actual).toEqual(expected);
    for (const m of [model, copy]) {
      m.optimizer.dispose();
      m.dispose();
    }
  });

  it('of groups matched by functions cannot be saved in a configuration, and says so', () => {
    const optimizer = train.groups([{match: () => true, optimizer: train.adamw()}]);
    expect(() => optimizer.getConfig()).toThrowError(/matched by a function cannot be saved/);
  });
});
