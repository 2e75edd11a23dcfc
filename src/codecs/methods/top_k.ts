import {plainMethod} from './plain_method.js';

/** The largest values of each token with their places, on both legs; the codec says how many by default. */
export const topK = plainMethod({
  name: 'top-k',
  title: 'top-k',
  summary: 'the largest values of each token and their places, both legs',
  source: 'usual practice; shares as studied for activations and gradients',
  legs: () => ({forward: {codec: 'top-k'}, backward: {codec: 'top-k'}}),
});
