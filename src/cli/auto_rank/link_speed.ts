import type {LinkSpeed} from '../../pipeline/step_time.js';

/** Megabits in a unit of rate. */
const UNITS: Record<string, number> = {kbit: 1e-3, mbit: 1, gbit: 1e3};

/**
 * Reads a link as users write it: `20mbit,40ms`.
 *
 * @param text Rate in kbit, mbit or gbit a second each way, and delay one way in ms (default 0).
 * @throws Error showing what was expected.
 */
export function parseLink(text: string): LinkSpeed {
  const match = /^\s*([\d.]+)\s*(kbit|mbit|gbit)\s*(?:,\s*([\d.]+)\s*ms\s*)?$/i.exec(text);
  const mbps = Number(match?.[1]) * UNITS[match?.[2].toLowerCase() ?? ''];
  const delayMs = Number(match?.[3] ?? 0);
  if (!(mbps > 0) || !(delayMs >= 0)) {
    throw new Error(`'${text}' is no link: expected rate and delay one way, such as 20mbit,40ms`);
  }
  return {mbps, delayMs};
}
