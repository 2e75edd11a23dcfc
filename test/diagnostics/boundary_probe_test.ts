import * as tf from '@tensorflow/tfjs-core';
import {BoundaryProbe} from '../../src/diagnostics/index.js';
import {writeWeight} from '../../src/layers/layer_weight.js';
import {llama} from '../../src/models/llama/llama.js';
import {splitModel} from '../../src/pipeline/split.js';

const tiny = {
  vocab_size: 16,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  max_position_embeddings: 8,
};

/** `[8, 2]` with ones at the given flat positions. */
const axes = (...ones: number[]) =>
  Float32Array.from({length: 16}, (_, i) => (ones.includes(i) ? 1 : 0));

describe('BoundaryProbe', () => {
  it('measures what passes a boundary', async () => {
    const model = llama({...tiny, mapl: {stages: 3, rank: 2}});
    const stages = splitModel(model, {stages: 3});
    const {encoder, decoder} = stages[1];
    // On the first two axes; the one before on the first and third. No anchors yet: they start at zero.
    writeWeight(encoder!.boundary.projector, axes(0, 3));
    decoder!.setWireProjector(axes(0, 5));
    const before = tf.memory().numTensors;
    const probe = new BoundaryProbe(encoder!, {previous: decoder});
    const x = tf.tensor3d([
      [
        [3, 0, 4, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 1],
        [0, 1, 2, 0, 0, 0, 0, 0],
      ],
    ]);
    const ids = tf.tensor2d([[1, 2, 3]], [1, 3], 'int32');
    tf.dispose(encoder!.call([x, ids], {}));
    const health = await probe.finish(1);
    // 3² + 1² + 1² of 25 + 2 + 5.
    expect(health.capturedEnergy).toBeCloseTo(11 / 32, 5);
    expect(health.startEnergy).toBeGreaterThan(0);
    expect(health.startEnergy).toBeLessThan(1);
    expect([health.boundary, health.orthogonality]).toEqual([1, 0]);
    expect(health.rank90).toBe(2);
    expect(health.rank99).toBe(3);
    expect(health.angles?.mean).toBeCloseTo(45, 4);
    expect(health.angles?.largest).toBeCloseTo(90, 4);
    // Cosines before: 0, 8/(5√5), 1/√10; after: 0, 0, 1.
    const [p, q, r] = [0, 8 / (5 * Math.sqrt(5)), 1 / Math.sqrt(10)];
    const mean = (p + q + r) / 3;
    const varianceX = (p - mean) ** 2 + (q - mean) ** 2 + (r - mean) ** 2;
    const both = (-(p - mean) - (q - mean) + 2 * (r - mean)) / 3;
    expect(health.tokenCosines).toBeCloseTo(both / Math.sqrt((varianceX * 2) / 3), 4);
    // The hook is out: nothing more is measured or kept.
    tf.dispose(encoder!.call([x, ids], {}));
    tf.dispose([x, ids]);
    expect(tf.memory().numTensors).toBe(before);
    stages.forEach((stage) => stage.dispose());
    model.dispose();
  });

  it('subtracts anchors, and leaves out what would take too long', async () => {
    const model = llama({...tiny, mapl: {stages: 2, rank: 2}});
    const stages = splitModel(model, {stages: 2});
    const encoder = stages[0].encoder!;
    writeWeight(encoder.boundary.projector, axes(0, 3));
    writeWeight(encoder.senderAnchors!.basis!, axes(0, 9));
    const table = new Float32Array(32);
    table[2 * 1] = 3;
    writeWeight(encoder.senderAnchors!.table, table);
    const probe = new BoundaryProbe(encoder, {ranksUpTo: 4});
    const [x, ids] = [
      tf.tensor3d([[[3, 4, 0, 0, 0, 0, 0, 2]]]),
      tf.tensor2d([[1]], [1, 1], 'int32'),
    ];
    tf.dispose(encoder.call([x, ids], {}));
    tf.dispose([x, ids]);
    const health = await probe.finish(0);
    // The anchor of token 1 is 3 e₁; what is left is 4 e₂ + 2 e₈.
    expect(health.capturedEnergy).toBeCloseTo(16 / 20, 5);
    expect([health.rank90, health.angles, health.tokenCosines]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const unused = new BoundaryProbe(encoder);
    await expectAsync(unused.finish(0)).toBeRejectedWithError(/no batch has passed/);
    stages.forEach((stage) => stage.dispose());
    model.dispose();
  });
});
