/** splitModel and describeSplit called with too little. */
import {llama} from '../../src/models/llama/index.js';
import {describeSplit, splitModel} from '../../src/pipeline/index.js';

describe('Arguments of splitModel', () => {
  it('says what is missing, and how a call looks that works', () => {
    const model = llama({
      vocab_size: 16,
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
    });
    for (const split of [splitModel, describeSplit] as Array<(...args: unknown[]) => unknown>) {
      expect(() => split(model)).toThrowError(/splitModel\(model, \{stages: 2\}\)/);
      expect(() => split()).toThrowError(/the model is missing, expected a functional model/);
      expect(() => split(model, {})).toThrowError(/stages is undefined, expected a whole number/);
      expect(() => split(model, 2)).toThrowError(/is 2, expected an object/);
    }
    model.dispose();
  });
});
