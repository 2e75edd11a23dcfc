import {idsCodec} from '../../codecs/ids.js';
import {getFloatCodec} from '../../codecs/index.js';
import type {LegSpec} from '../../codecs/leg.js';
import {makeLeg} from '../../codecs/leg_registry.js';
import {makeSchedule} from '../../pipeline/schedule.js';
import {FORWARD_SHARE, stepTime, type LinkSpeed} from '../../pipeline/step_time.js';

/** A run as far as its time depends on it. */
export interface RunShape {
  stages: number;
  microbatches: number;
  schedule: string;
  /** Tokens of a step. */
  tokens: number;
  hiddenSize: number;
  vocabSize: number;
  /** Number format of projectors between stages. */
  wire: string;
  /** Seconds that all stages together compute for one step, one after the other, with nothing to send. */
  stepSeconds: number;
  link: LinkSpeed;
}

/** What crosses a boundary. */
export interface Crossed {
  /** Numbers a token: the rank, or the width of the model. */
  width: number;
  forward: LegSpec;
  backward: LegSpec;
  /** Whether ids cross too. */
  ids: boolean;
  /** Whether a learned projector is exchanged once a step. */
  projector: boolean;
}

/** Time of a step over the link, and where it goes. */
export interface StepCost {
  /** Bytes a token at one boundary. */
  bytes: {forward: number; backward: number};
  /** Seconds a step. */
  seconds: number;
  /** Share of that which bytes cost: what a link of the same delay and no limit of rate would save. */
  bytesShare: number;
  /** Share that the delay costs, which no compression can save. */
  delayShare: number;
}

/**
 * The time of a step (ours). With P stages, M microbatches, a rate and a delay δ one way:
 *
 * - a stage computes a microbatch's forward for `stepSeconds/(P·M)/3` and its backward for twice that; the schedule runs on a
 *   clock with links that send beside computing (`stepTime`), so that what hides behind compute costs nothing;
 * - then the step ends one hop after the other: norms, with halves of the projectors' gradients (D bytes each), from the last
 *   stage to the first, `(P−1)·(D/rate + δ)`; the total norm back, `(P−1)·δ`; new projectors to all neighbours at once,
 *   `D/rate + δ`, where projectors are learned.
 *
 * Every stage is taken to be as fast as the machine that was measured, and to have its own.
 */
export function stepCost(run: RunShape, what: Crossed): StepCost {
  const {stages, microbatches, schedule: name, tokens, hiddenSize, vocabSize, link} = run;
  const bytesOf = (spec: LegSpec) => makeLeg(spec, 'the leg').leg.bytesPerToken(what.width);
  const idBytes = what.ids ? idsCodec(vocabSize).byteLength([1]) : 0;
  const bytes = {forward: bytesOf(what.forward) + idBytes, backward: bytesOf(what.backward)};
  const schedule = makeSchedule(name, {stages, microbatches});
  const unit = run.stepSeconds / stages / microbatches;
  const projector = what.projector
    ? getFloatCodec(run.wire).byteLength([hiddenSize, what.width])
    : 0;
  const time = (scale: number, delayMs: number) => {
    const perMicrobatch = (scale * tokens) / microbatches;
    const list = (value: number) => Array.from({length: stages - 1}, () => value * perMicrobatch);
    const inside = stepTime(schedule, {
      forwardSeconds: unit * FORWARD_SHARE,
      backwardSeconds: unit * (1 - FORWARD_SHARE),
      forwardBytes: list(bytes.forward),
      backwardBytes: list(bytes.backward),
      link: {mbps: link.mbps, delayMs},
    });
    const delay = delayMs / 1000;
    const once = (scale * projector * 8) / (link.mbps * 1e6);
    const hops = stages - 1;
    return inside + hops * (once + 2 * delay) + (projector ? once + delay : 0);
  };
  const seconds = time(1, link.delayMs);
  const delayed = time(0, link.delayMs);
  const free = time(0, 0);
  return {
    bytes,
    seconds,
    bytesShare: (seconds - delayed) / seconds,
    delayShare: (delayed - free) / seconds,
  };
}
