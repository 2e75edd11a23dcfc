import {closest} from 'fastest-levenshtein';
import {requireOptions} from '../ops/check_options.js';
import {checkList} from '../ops/check_values.js';
import {bfloat16Codec} from './bfloat16.js';
import type {Codec, FloatCodec, IdsCodec} from './codec.js';
import {float32Codec} from './float32.js';
import {uint16Codec, uint32Codec} from './ids.js';

const codecs = new Map<string, Codec>();

/** Adds a codec. Throws if there is another of its name: both ends must mean the same by a name. */
export function registerCodec(codec: Codec): void {
  requireOptions('registerCodec', codec, '{name: "mine", version: 1, dtype: "float32", pack, …}');
  if (typeof codec.name !== 'string' || codec.name === '') {
    throw new Error(`registerCodec: name is '${codec.name}'; expected a name that is not empty.`);
  }
  if (!Number.isSafeInteger(codec.version) || codec.version < 1) {
    throw new Error(
      `registerCodec: version of '${codec.name}' is ${codec.version}; expected 1, 2, …`,
    );
  }
  const present = codecs.get(codec.name);
  if (present != null && present !== codec) {
    throw new Error(
      `registerCodec: there is a codec '${codec.name}' already (version ${present.version}); ` +
        'choose another name.',
    );
  }
  codecs.set(codec.name, codec);
}

/** Takes a codec out again, in the manner of `tf.unregisterKernel`. Throws if there is none of that name. */
export function unregisterCodec(name: string): void {
  getCodec(name);
  codecs.delete(name);
}

/** Names of all codecs, or of those for values of `dtype`, in the order of registration. */
export function codecNames(dtype?: Codec['dtype']): string[] {
  return [...codecs.values()]
    .filter((codec) => dtype == null || codec.dtype === dtype)
    .map((codec) => codec.name);
}

function unknown(name: string, names: string[]): Error {
  return new Error(
    `unknown codec '${name}'. Did you mean '${closest(name, names)}'? ` +
      `Known: ${names.join(', ')}. Others are added by registerCodec().`,
  );
}

/** The codec of that name. Throws, with the nearest name and all known ones, if there is none. */
export function getCodec(name: string): Codec {
  const codec = codecs.get(name);
  if (codec == null) {
    throw unknown(String(name), codecNames());
  }
  return codec;
}

/** The codec of that name for float32 values. Throws if there is none, or if it is one for ids. */
export function getFloatCodec(name: string): FloatCodec {
  const codec = codecs.get(name);
  if (codec == null) {
    throw unknown(String(name), codecNames('float32'));
  }
  if (codec.dtype !== 'float32') {
    throw new Error(
      `codec '${name}' is for ${codec.dtype} values, here float32 values are packed. ` +
        `Choose one of: ${codecNames('float32').join(', ')}.`,
    );
  }
  return codec;
}

/** The codec of that name for ids. Throws if there is none, or if it is one for float32 values. */
export function getIdsCodec(name: string): IdsCodec {
  const codec = codecs.get(name);
  if (codec == null) {
    throw unknown(String(name), codecNames('int32'));
  }
  if (codec.dtype !== 'int32') {
    throw new Error(
      `codec '${name}' is for ${codec.dtype} values, here ids (int32) are packed. ` +
        `Choose one of: ${codecNames('int32').join(', ')}.`,
    );
  }
  return codec;
}

/** `{name: version}` of the named codecs, or of all: what peers compare before they talk. */
export function codecVersions(names: readonly string[] = codecNames()): Record<string, number> {
  checkList('codecVersions', 'names', names, 'an array of names of codecs');
  return Object.fromEntries(names.map((name) => [name, getCodec(name).version]));
}

for (const codec of [float32Codec, bfloat16Codec, uint16Codec, uint32Codec]) {
  registerCodec(codec);
}
