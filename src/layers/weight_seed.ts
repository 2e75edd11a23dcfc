/** Seeds of single weights, from one seed of the user and the name of the weight. */
import {checkSeed} from '../ops/check_values.js';

/**
 * An integer seed for the weight `name` under the model's `seed`: 53 bits of two FNV-1a hashes. A weight starts the same
 * whether it is built alone, in a stage or in the whole model, because nothing but its own name and the seed counts.
 *
 * @param seed Any safe integer.
 * @param name Full weight name, such as `model.layers.0/self_attn.q_proj.weight`.
 */
export function weightSeed(seed: number, name: string): number {
  checkSeed('weightSeed', seed);
  const text = `${seed}:${name}`;
  const high = fnv1a(text, 0x811c9dc5) & 0x1fffff;
  const low = fnv1a(text, 0x9747b28c) >>> 0;
  return high * 2 ** 32 + low;
}

function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // The last characters alone would leave the high bits nearly equal: mix them (murmur3's finaliser).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
