/** One text with a name: a file, a chapter, an article. */
export interface TextDocument {
  /** Unique within its corpus; the split into training and held-out text depends on it. */
  name: string;
  /** Plain text, well-formed Unicode. */
  text: string;
}

/** The three parts of a corpus. Tuning looks at `validation`; results are reported on `test`. */
export type SplitName = 'train' | 'validation' | 'test';

/** All split names in a fixed order. */
export const SPLIT_NAMES: readonly SplitName[] = ['train', 'validation', 'test'];
