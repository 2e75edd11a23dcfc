import type {SplitShares} from './split_documents.js';

/** How the demo's text is split: a twentieth for tuning, a twentieth for the results reported. */
export const DEMO_SHARES: SplitShares = {validation: 0.05, test: 0.05};
