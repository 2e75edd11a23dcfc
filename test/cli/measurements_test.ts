import * as tf from '@tensorflow/tfjs-core';
import {EnergyProbe} from '../../src/cli/launcher/energy_probe.js';
import {orthogonalityError} from '../../src/cli/launcher/orthogonality.js';
import {evaluateModel} from '../../src/cli/training/evaluate_model.js';
import {continueText} from '../../src/cli/training/continue_text.js';
import {loadTokenizer} from '../../src/data/tokenizer.js';
import {writeWeight} from '../../src/layers/layer_weight.js';
import {llama} from '../../src/models/llama/llama.js';
import {splitModel} from '../../src/pipeline/split.js';

const tiny = {
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 8,
};

describe('orthogonalityError', () => {
  it('is the largest stretch beside one', () => {
    // Columns 2·e₁ and e₂: AᵀA − I = diag(3, 0).
    expect(orthogonalityError([2, 0, 0, 1, 0, 0], 3, 2)).toBeCloseTo(3, 12);
    // Columns e₁/2 and e₂: diag(−3/4, 0).
    expect(orthogonalityError([0.5, 0, 0, 1, 0, 0], 3, 2)).toBeCloseTo(0.75, 12);
    // Equal columns e₁: AᵀA − I = [[0, 1], [1, 0]], eigenvalues ±1.
    expect(orthogonalityError([1, 1, 0, 0], 2, 2)).toBeCloseTo(1, 12);
  });

  it('is nothing for orthonormal columns, and NaN for damaged ones', () => {
    expect(orthogonalityError([0.6, 0.8, -0.8, 0.6], 2, 2)).toBeLessThan(1e-12);
    expect(orthogonalityError([NaN, 0], 2, 1)).toBeNaN();
  });
});

describe('EnergyProbe', () => {
  it('measures how much of the residual a projector keeps', async () => {
    const model = llama({...tiny, vocab_size: 16, mapl: {stages: 2, rank: 2}});
    const [stage, next] = splitModel(model, {stages: 2});
    const encoder = stage.encoder!;
    // A projector on the first two axes, and no anchors yet (they start at zero).
    const values = Float32Array.from({length: 16}, (_, i) => (i === 0 || i === 3 ? 1 : 0));
    writeWeight(encoder.boundary.projector, values);
    const before = tf.memory().numTensors;
    const probe = new EnergyProbe(encoder);
    const x = tf.tensor3d([
      [
        [3, 0, 4, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 1],
      ],
    ]);
    const ids = tf.tensor2d([[1, 2]], [1, 2], 'int32');
    tf.dispose(encoder.call([x, ids], {}));
    const health = await probe.finish(1);
    // 3² + 1² of 3² + 4² + 1² + 1².
    expect(health.capturedEnergy).toBeCloseTo(10 / 27, 5);
    expect(health.startEnergy).toBeGreaterThan(0);
    expect(health.startEnergy).toBeLessThan(1);
    expect([health.boundary, health.orthogonality]).toEqual([1, 0]);
    // The hook is out: nothing more is measured or kept.
    tf.dispose(encoder.call([x, ids], {}));
    tf.dispose([x, ids]);
    expect(tf.memory().numTensors).toBe(before);
    stage.dispose();
    next.dispose();
    model.dispose();
  });
});

describe('evaluateModel', () => {
  it('weights every token alike', async () => {
    const model = llama({...tiny, vocab_size: 16});
    const batch = (rows: number) => ({
      ids: new Int32Array(rows * 4).fill(3),
      targets: new Int32Array(rows * 4).fill(rows),
      shape: [rows, 4] as [number, number],
    });
    const one = await evaluateModel(model, [batch(1)]);
    const three = await evaluateModel(model, [batch(3)]);
    const both = await evaluateModel(model, [batch(1), batch(3)]);
    expect(both.tokens).toBe(16);
    expect(both.loss).toBeCloseTo((one.loss + 3 * three.loss) / 4, 6);
    expect(both.perplexity).toBeCloseTo(Math.exp(both.loss), 6);
    model.dispose();
  });

  it('refuses a loss that is no number', async () => {
    const model = llama({...tiny, vocab_size: 16});
    const head = model.getLayer('model.norm').weights[0];
    writeWeight(head, new Float32Array(8).fill(NaN));
    const batch = {
      ids: new Int32Array(4),
      targets: new Int32Array(4),
      shape: [1, 4] as [number, number],
    };
    await expectAsync(evaluateModel(model, [batch])).toBeRejectedWithError(
      /loss of batch 0 is NaN/,
    );
    model.dispose();
  });
});

describe('continueText', () => {
  it('gives whole characters, the same ones for the same seed', async () => {
    const tokenizer = await loadTokenizer('assets/tokenizer');
    const model = llama({...tiny, vocab_size: tokenizer.vocabSize});
    const text = async (seed: number) => {
      const pieces: string[] = [];
      const options = {maxTokens: 12, seed};
      for await (const piece of continueText(model, tokenizer, 'The whale', options))
        pieces.push(piece);
      return pieces;
    };
    const first = await text(1);
    expect(first.join('').length).toBeGreaterThan(0);
    expect(await text(1)).toEqual(first);
    expect(await text(2)).not.toEqual(first);
    model.dispose();
  });
});
