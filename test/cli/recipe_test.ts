import {parseConfig} from '../../src/cli/config/load_config.js';
import type {RunConfigInput} from '../../src/cli/config/schema.js';
import {recipeOf} from '../../src/cli/training/recipe.js';

describe('recipe of a run', () => {
  const rates = (config: RunConfigInput) => {
    const {adamLearningRate, embeddingLearningRate, anchorLearningRate} = recipeOf(
      parseConfig(config),
    );
    return [adamLearningRate, embeddingLearningRate, anchorLearningRate];
  };

  it('trains the tables of a new model at multiples of the rate of AdamW', () => {
    expect(rates({training: {adamwLearningRate: 0.5}})).toEqual([0.5, 2, 4]);
    const training = {embeddingLearningRate: 0.25, anchorLearningRate: 0.125};
    expect(rates({training})).toEqual([0.01, 0.25, 0.125]);
  });

  it('leaves an embedding that is the head too, and a trained model, at the rate of AdamW', () => {
    const training = {adamwLearningRate: 0.5};
    expect(rates({training, model: {tieEmbeddings: true}})).toEqual([0.5, 0.5, 4]);
    expect(rates({training, model: {initialModel: 'runs/base'}})).toEqual([0.5, 0.5, 0.5]);
  });
});
