/** Settings of a residual vector quantiser, and their checks. */

/** How many codebooks of how many codes. */
export interface CodebookSize {
  /** Rounds `R`: each quantises what the rounds before left over. */
  rounds: number;
  /** Groups `G` of neighbouring columns, each with codebooks of its own; divides the width `r`. */
  groups: number;
  /** Codes `K` of each codebook. */
  codes: number;
  /** Width `r / G` of a code. */
  width: number;
}

/** How codebooks learn. */
export interface LearningSettings {
  /** Share `λ` of the old averages that an update keeps, 0 to below 1. Default 0.99 (EnCodec's). */
  decay: number;
  /** Laplace smoothing `ε` of the counts. Default 1e-5 (EnCodec's). */
  epsilon: number;
  /** Codes with an average count below this are replaced by vectors of the batch; 0 never. Default 2 (EnCodec's). */
  deadCodeThreshold: number;
  /** Optimizer steps in which vectors pass unchanged, before k-means makes the codebooks. Default 100 (inferred). */
  warmupSteps: number;
  /** Lloyd iterations of k-means. Default 10. */
  kmeansIterations: number;
  /** Seed of k-means, revival and dropout. */
  seed: number;
}

/** How the gradient passes a quantiser: as it is, or turned and scaled as `ẑ` is against `z` (rotation trick). */
export type QuantizerGradient = 'straight-through' | 'rotation';

/** How a quantiser behaves in training. */
export interface GradientSettings {
  /** Default `'straight-through'`. */
  gradient: QuantizerGradient;
  /**
   * Weight `β` of the commitment loss `β · mean((z − sg(ẑ))²)`, of which only the gradient is added: no reported loss shows it.
   * Default 0: "task loss only" (published); practice is 0.25 to 1.
   */
  commitment: number;
  /** Probability of using only the first `1 … R − 1` rounds for a batch or microbatch. Default 0. */
  quantizeDropout: number;
}

/** All settings but the width, which the data gives. */
export type QuantizerSettings = Omit<CodebookSize, 'width'> & LearningSettings & GradientSettings;

/** What a user may give: everything has a default but, where there is no other source for it, the seed. */
export type QuantizerOptions = Partial<QuantizerSettings>;

/** Says what is wrong with a value: the option, the value, what was expected. */
type Refuse = (name: string, value: unknown, expected: string) => never;

/**
 * Fills in defaults and checks.
 *
 * @param options What the user gave. `groups` has no default.
 * @param seed Used where `options` has none.
 * @param label Begins messages, such as `ResidualVectorQuantizer`.
 * @throws Error naming the option, its value and what was expected.
 */
export function quantizerSettings(
  options: QuantizerOptions,
  seed: number,
  label: string,
): QuantizerSettings {
  const refuse: Refuse = (name, value, expected) => {
    const text = Number.isNaN(value) ? 'missing' : JSON.stringify(value);
    throw new Error(`${label}: ${name} is ${text}, expected ${expected}.`);
  };
  const whole = (
    name: keyof QuantizerSettings,
    fallback: number,
    least: number,
    most = Infinity,
  ) => {
    const value = options[name] ?? fallback;
    const ok =
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${most}`;
    return ok ? (value as number) : refuse(name, value, `a whole number ${range}`);
  };
  const real = (
    name: keyof QuantizerSettings,
    fallback: number,
    fits: (value: number) => boolean,
    expected: string,
  ) => {
    const value = (options[name] ?? fallback) as number;
    const ok = typeof value === 'number' && Number.isFinite(value) && fits(value);
    return ok ? value : refuse(name, value, expected);
  };
  const gradient = options.gradient ?? 'straight-through';
  if (gradient !== 'straight-through' && gradient !== 'rotation') {
    refuse('gradient', gradient, `'straight-through' or 'rotation'`);
  }
  const positive = (value: number) => value >= 0;
  const share = (value: number) => value >= 0 && value <= 1;
  return {
    groups: whole('groups', NaN, 1),
    rounds: whole('rounds', 2, 1, 255),
    codes: whole('codes', 256, 1, 65536),
    decay: real('decay', 0.99, (v) => v >= 0 && v < 1, 'a number from 0 to below 1'),
    epsilon: real('epsilon', 1e-5, positive, 'a number of 0 or more'),
    deadCodeThreshold: real('deadCodeThreshold', 2, positive, 'a number of 0 or more'),
    warmupSteps: whole('warmupSteps', 100, 1, 2 ** 24),
    kmeansIterations: whole('kmeansIterations', 10, 0),
    seed: whole('seed', seed, Number.MIN_SAFE_INTEGER),
    gradient,
    commitment: real('commitment', 0, positive, 'a number of 0 or more'),
    quantizeDropout: real('quantizeDropout', 0, share, 'a probability from 0 to 1'),
  };
}

/** Width of a code for vectors of width `rank`. Throws unless the groups divide it. */
export function codeWidth(rank: number, groups: number, label: string): number {
  if (rank % groups !== 0) {
    throw new Error(
      `${label}: groups is ${groups}, expected a divisor of the width ${rank} of what is quantised.`,
    );
  }
  return rank / groups;
}
