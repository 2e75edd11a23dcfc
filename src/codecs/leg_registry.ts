/** Leg codecs by name. */
import {bfloat16Codec} from './bfloat16.js';
import {float32Codec} from './float32.js';
import type {Leg, LegCodec, LegSpec} from './leg.js';
import {aqSgdLegCodec} from './legs/aq_sgd.js';
import {float16LegCodec} from './legs/float16.js';
import {int4LegCodec} from './legs/int4.js';
import {int8LegCodec} from './legs/int8.js';
import {topKLegCodec} from './legs/top_k.js';
import {valueLegCodec} from './legs/value_leg.js';
import {NamedRegistry} from './named_registry.js';
import {codecNames, getFloatCodec} from './registry.js';
import {rvqLegCodec} from './rvq/rvq_leg.js';

const legCodecs = new NamedRegistry<LegCodec>({
  kind: 'leg codec',
  adds: 'registerLegCodec',
  member: 'create',
  does: 'a function that makes a Leg',
});

/** Adds a leg codec. Throws if there is another of its name: both ends must mean the same by a name. */
export function registerLegCodec(codec: LegCodec): void {
  legCodecs.add(codec);
}

/** Names of all leg codecs, in the order of registration. */
export function legCodecNames(): string[] {
  return legCodecs.names();
}

/**
 * The leg codec of that name; a codec of float32 values (`registerCodec`) is one too.
 * @throws Error with the nearest name and all known ones, if there is none.
 */
export function getLegCodec(name: string): LegCodec {
  const isOfValues = legCodecs.find(name) == null && codecNames('float32').includes(name);
  return isOfValues ? valueLegCodec(getFloatCodec(name)) : legCodecs.get(name);
}

/** A leg that was made, and by what. */
export interface MadeLeg {
  readonly codec: LegCodec;
  readonly leg: Leg;
}

/**
 * The leg that a spec describes.
 * @param what Names the spec in messages, such as `legs.forward`.
 * @throws Error naming the codec or the option that is wrong.
 */
export function makeLeg(spec: LegSpec, what: string): MadeLeg {
  if (typeof spec?.codec !== 'string') {
    throw new Error(
      `${what} is ${JSON.stringify(spec)}, expected an object with a codec, for instance {"codec": "int8"}.`,
    );
  }
  const {codec: name, ...options} = spec;
  const codec = getLegCodec(name);
  return {codec, leg: codec.create(options)};
}

for (const codec of [
  valueLegCodec(float32Codec),
  valueLegCodec(bfloat16Codec),
  float16LegCodec,
  int8LegCodec,
  int4LegCodec,
  topKLegCodec,
  aqSgdLegCodec,
  rvqLegCodec,
]) {
  registerLegCodec(codec);
}
