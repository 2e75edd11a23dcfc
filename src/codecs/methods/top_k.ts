import {plainMethod} from './plain_method.js';

/**
 * The largest values of each token with their places: a tenth of the activations, a fifth of the gradients. A tenth is the
 * strongest level reported harmless for activations, gradients need a milder one (how much milder is inferred).
 */
export const topK = plainMethod({
  name: 'top-k',
  title: 'top-k',
  summary:
    'the largest tenth of each activation with their places, the largest fifth of its gradient',
  source: 'usual practice; the share as studied for activations and gradients',
  legs: () => ({forward: {codec: 'top-k', share: 0.1}, backward: {codec: 'top-k', share: 0.2}}),
});
