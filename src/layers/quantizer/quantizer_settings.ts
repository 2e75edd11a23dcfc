/** Settings of a residual vector quantiser, and their checks. */
import {checkInteger, checkNumber, checkSeed, refuseValue} from '../../ops/check_values.js';

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
  const gradient = options.gradient ?? 'straight-through';
  const quantizeDropout = options.quantizeDropout ?? 0;
  if (gradient !== 'straight-through' && gradient !== 'rotation') {
    refuseValue(label, 'gradient', gradient, `'straight-through' or 'rotation'`);
  }
  if (!(typeof quantizeDropout === 'number' && quantizeDropout >= 0 && quantizeDropout <= 1)) {
    refuseValue(label, 'quantizeDropout', quantizeDropout, 'a probability from 0 to 1');
  }
  type Numbers = Exclude<keyof QuantizerSettings, 'gradient'>;
  const whole = (name: Numbers, fallback: number | undefined, least: number, most?: number) =>
    checkInteger(label, name, (options[name] ?? fallback) as number, least, most);
  const real = (name: Numbers, fallback: number, high?: number) =>
    checkNumber(label, name, options[name] ?? fallback, 0, high);
  return {
    groups: whole('groups', undefined, 1),
    rounds: whole('rounds', 2, 1, 255),
    codes: whole('codes', 256, 1, 65536),
    decay: real('decay', 0.99, 1),
    epsilon: real('epsilon', 1e-5),
    deadCodeThreshold: real('deadCodeThreshold', 2),
    warmupSteps: whole('warmupSteps', 100, 1, 2 ** 24),
    kmeansIterations: whole('kmeansIterations', 10, 0),
    seed: checkSeed(label, options.seed ?? seed),
    gradient,
    commitment: real('commitment', 0),
    quantizeDropout,
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
