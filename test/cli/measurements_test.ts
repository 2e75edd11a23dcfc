import {evaluateModel} from '../../src/cli/training/evaluate_model.js';
import {continueText} from '../../src/cli/training/continue_text.js';
import {loadTokenizer} from '../../src/data/tokenizer.js';
import {writeWeight} from '../../src/layers/layer_weight.js';
import {llama} from '../../src/models/llama/llama.js';

const tiny = {
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 8,
};

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
