/** A failure of `setup` whose message says in one line what is wrong and how to mend it: shown without a stack. */
export class SetupError extends Error {
  override name = 'SetupError';
}
