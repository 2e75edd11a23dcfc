/** Codecs of values and of ids, by name. */
import {checkList} from '../ops/check_values.js';
import {bfloat16Codec} from './bfloat16.js';
import type {Codec, FloatCodec, IdsCodec} from './codec.js';
import {float32Codec} from './float32.js';
import {uint16Codec, uint32Codec} from './ids.js';
import {NamedRegistry} from './named_registry.js';

const codecs = new NamedRegistry<Codec>({
  kind: 'codec',
  adds: 'registerCodec',
  member: 'pack',
  does: 'a function that makes bytes of values',
});

/** Adds a codec. Throws if there is another of its name: both ends must mean the same by a name. */
export function registerCodec(codec: Codec): void {
  codecs.add(codec);
}

/** Takes a codec out again, in the manner of `tf.unregisterKernel`. Throws if there is none of that name. */
export function unregisterCodec(name: string): void {
  codecs.remove(name);
}

/** Names of all codecs, or of those for values of `dtype`, in the order of registration. */
export function codecNames(dtype?: Codec['dtype']): string[] {
  return codecs
    .all()
    .filter((codec) => dtype == null || codec.dtype === dtype)
    .map((codec) => codec.name);
}

/** The codec of that name. Throws, with the nearest name and all known ones, if there is none. */
export function getCodec(name: string): Codec {
  return codecs.get(name);
}

/** The codec of that name for float32 values. Throws if there is none, or if it is one for ids. */
export function getFloatCodec(name: string): FloatCodec {
  return codecOf('float32', name, 'float32 values') as FloatCodec;
}

/** The codec of that name for ids. Throws if there is none, or if it is one for float32 values. */
export function getIdsCodec(name: string): IdsCodec {
  return codecOf('int32', name, 'ids (int32)') as IdsCodec;
}

function codecOf(dtype: Codec['dtype'], name: string, what: string): Codec {
  const names = codecNames(dtype);
  const codec = codecs.get(name, names);
  if (codec.dtype !== dtype) {
    throw new Error(
      `codec '${name}' is for ${codec.dtype} values, here ${what} are packed. Choose one of: ${names.join(', ')}.`,
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
