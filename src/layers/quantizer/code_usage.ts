/** How evenly the codes of codebooks are used, from counts of any kind. */
import type {CodebookSize} from './quantizer_settings.js';

/** Use of codebooks, over all `R·G` of them. */
export interface CodebookUsage {
  /** Share of the codes that are not dead, 0 to 1. */
  used: number;
  /** Dead codes, in all codebooks together. */
  dead: number;
  /** e to the entropy of the counts, 1 to K, averaged over the codebooks: how many equally likely codes would say as much. */
  perplexity: number;
}

/**
 * Use of codebooks by how often their codes were chosen.
 *
 * @param counts `[R, G, K]`, row-major: numbers of choices, or averages of them.
 * @param threshold Codes with a count below it are dead; codes with a count of 0 always.
 */
export function usageOfCounts(
  counts: ArrayLike<number>,
  {rounds, groups, codes}: Pick<CodebookSize, 'rounds' | 'groups' | 'codes'>,
  threshold = 0,
): CodebookUsage {
  const books = rounds * groups;
  let [dead, perplexity] = [0, 0];
  for (let start = 0; start < books * codes; start += codes) {
    let total = 0;
    for (let i = start; i < start + codes; i++) total += counts[i];
    let entropy = 0;
    for (let i = start; i < start + codes; i++) {
      const count = counts[i];
      if (count < threshold || count === 0) dead++;
      if (count > 0) entropy -= (count / total) * Math.log(count / total);
    }
    perplexity += Math.exp(entropy) / books;
  }
  return {used: 1 - dead / (books * codes), dead, perplexity};
}
