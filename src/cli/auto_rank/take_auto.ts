import type {GivenSettings} from '../config/flags.js';

/** Flags that mean something with `--auto-rank` only. */
const HOW = [
  ['autoRankSteps', '--auto-rank-steps'],
  ['stepSeconds', '--step-seconds'],
  ['hideShare', '--hide-share'],
] as const;

/**
 * Takes the wish for an automatic rank out of what a user gave: `--auto-rank`, `--rank auto`, or `rank: auto` in a file. What
 * is left is an ordinary configuration.
 *
 * @param settings File and flags; a flag goes before the file.
 * @param options The flags.
 * @throws Error on `--auto-rank` together with a rank among the flags; on a flag that says how to choose where nothing is chosen.
 */
export function takeAuto(
  settings: GivenSettings,
  options: Record<string, unknown>,
): {given: GivenSettings; auto: boolean} {
  const {rank, ...compression} = settings.compression ?? {};
  const flag = !!options.autoRank;
  if (flag && options.rank !== undefined && options.rank !== 'auto') {
    throw new Error(
      `--auto-rank chooses the rank, and --rank is ${String(options.rank)}: give one of them.`,
    );
  }
  if (flag || rank === 'auto') return {given: {...settings, compression}, auto: true};
  for (const [key, name] of HOW) {
    if (options[key] === undefined) continue;
    throw new Error(`${name} says how --auto-rank chooses: give --auto-rank too, or leave it out.`);
  }
  return {given: settings, auto: false};
}
