import type {BoundaryHealth} from '../run/records.js';
import type {StageResult} from './messages.js';

/** A measurement of the sending end of a leg, as `StageTrainer.measureLegs` names it. */
const SENDER = /^boundary\.(\d+)\.(forward|backward)\.sender\.(.+)$/;

/**
 * What all stages measured, by boundary: projectors by the stage that owns them, codecs by the end that sends, which of the
 * backward leg is the stage behind the boundary.
 *
 * @param results Answers to `diagnose`, in the order of the stages.
 * @returns One entry for each boundary that something is known of, in order.
 */
export function collectHealth(results: StageResult[]): BoundaryHealth[] {
  const found = new Map<number, BoundaryHealth>();
  for (const {health} of results) if (health) found.set(health.boundary, {...health});
  for (const {legs = {}} of results) {
    for (const [key, value] of Object.entries(legs)) {
      const [, boundary, direction, name] = SENDER.exec(key) ?? [];
      // What is not finite is not known yet, and JSON has no word for it.
      if (name == null || !Number.isFinite(value)) continue;
      const index = Number(boundary);
      const health = found.get(index) ?? {boundary: index};
      health.codec = {...health.codec, [`${direction} ${name}`]: value};
      found.set(index, health);
    }
  }
  return [...found.values()].sort((a, b) => a.boundary - b.boundary);
}
