import type {GivenSettings} from '../config/flags.js';

/**
 * Takes the wish for an automatic rank out of what a user gave: `--auto-rank`, `--rank auto`, or `rank: auto` in a file. What
 * is left is an ordinary configuration.
 *
 * @param settings File and flags; a flag goes before the file.
 * @param options The flags.
 * @throws Error on `--auto-rank` together with a rank among the flags.
 */
export function takeAuto(
  settings: GivenSettings,
  options: {autoRank?: unknown; rank?: unknown},
): {given: GivenSettings; auto: boolean} {
  const {rank, ...compression} = settings.compression ?? {};
  const flag = !!options.autoRank;
  if (flag && options.rank !== undefined && options.rank !== 'auto') {
    throw new Error(
      `--auto-rank chooses the rank, and --rank is ${String(options.rank)}: give one of them.`,
    );
  }
  if (flag || rank === 'auto') return {given: {...settings, compression}, auto: true};
  return {given: settings, auto: false};
}
