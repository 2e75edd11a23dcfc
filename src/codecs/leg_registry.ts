/** Leg codecs by name. */
import {closest} from 'fastest-levenshtein';
import {requireOptions} from '../ops/check_options.js';
import {checkFunction} from '../ops/check_values.js';
import {bfloat16Codec} from './bfloat16.js';
import {float32Codec} from './float32.js';
import type {Leg, LegCodec, LegSpec} from './leg.js';
import {aqSgdLegCodec} from './legs/aq_sgd.js';
import {float16LegCodec} from './legs/float16.js';
import {int4LegCodec} from './legs/int4.js';
import {int8LegCodec} from './legs/int8.js';
import {topKLegCodec} from './legs/top_k.js';
import {valueLegCodec} from './legs/value_leg.js';
import {codecNames, getFloatCodec} from './registry.js';
import {rvqLegCodec} from './rvq/rvq_leg.js';

const legCodecs = new Map<string, LegCodec>();

/** Adds a leg codec. Throws if there is another of its name: both ends must mean the same by a name. */
export function registerLegCodec(codec: LegCodec): void {
  requireOptions('registerLegCodec', codec, '{name: "mine", version: 1, create: (options) => …}');
  checkFunction('registerLegCodec', 'create', codec.create, 'a function that makes a Leg');
  const {name, version} = codec;
  if (typeof name !== 'string' || name === '') {
    throw new Error(`registerLegCodec: name is '${name}'; expected a name that is not empty.`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new Error(
      `registerLegCodec: version of '${name}' is ${version}; expected a whole number from 1 up.`,
    );
  }
  const present = legCodecs.get(name);
  if (present != null && present !== codec) {
    throw new Error(
      `registerLegCodec: there is a leg codec '${name}' already (version ${present.version}); ` +
        'choose another name.',
    );
  }
  legCodecs.set(name, codec);
}

/** Names of all leg codecs, in the order of registration. */
export function legCodecNames(): string[] {
  return [...legCodecs.keys()];
}

/**
 * The leg codec of that name; a codec of float32 values (`registerCodec`) is one too.
 * @throws Error with the nearest name and all known ones, if there is none.
 */
export function getLegCodec(name: string): LegCodec {
  const codec = legCodecs.get(name);
  if (codec != null) {
    return codec;
  }
  if (codecNames('float32').includes(name)) {
    return valueLegCodec(getFloatCodec(name));
  }
  const names = legCodecNames();
  throw new Error(
    `unknown leg codec '${name}'. Did you mean '${closest(String(name), names)}'? ` +
      `Known: ${names.join(', ')}. Others are added by registerLegCodec().`,
  );
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
