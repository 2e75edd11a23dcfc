/** Codecs of legs as users write them. */
import {refuseValue} from '../../ops/check_values.js';
import type {LegSpec} from '../leg.js';

/**
 * Reads a leg's codec from one word, for command lines: `int8`, `rvq:groups=8,codes=256`, `int8:stochastic`. Values that look
 * like numbers, `true` or `false` are; an option without a value is true.
 *
 * @throws If the word is no codec's name followed by `key` or `key=value`.
 */
export function parseLegSpec(word: string): LegSpec {
  if (typeof word !== 'string') {
    refuseValue('parseLegSpec', 'word', word, "a codec's name such as 'int8', or 'name:key=value'");
  }
  const [codec, ...rest] = word.split(':');
  const spec: LegSpec = {codec};
  const bad = () =>
    new Error(`'${word}' is no codec of a leg; expected a name such as int8, or name:key=value,….`);
  if (!/^[\w.+-]+$/.test(codec) || rest.length > 1) {
    throw bad();
  }
  for (const option of rest.length ? rest[0].split(',') : []) {
    const [, key, value = 'true'] = /^([A-Za-z]\w*)(?:=(.+))?$/.exec(option) ?? [];
    if (key == null || key === 'codec' || key in spec) {
      throw bad();
    }
    const number = Number(value);
    spec[key] = /^(true|false)$/.test(value)
      ? value === 'true'
      : Number.isNaN(number)
        ? value
        : number;
  }
  return spec;
}
