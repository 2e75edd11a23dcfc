/** Small whole numbers side by side, lowest bit first; each row begins with a byte of its own. */

/** Bytes of a row of `count` numbers of `bits` bits. */
export function bitRowBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Writes numbers of 0 to 24 bits to zeroed `bytes` from byte `at` on. */
export function writeBitRow(
  bytes: Uint8Array,
  at: number,
  numbers: ArrayLike<number>,
  bits: number,
): void {
  let held = 0;
  let holds = 0;
  for (let i = 0; i < numbers.length; i++) {
    held |= numbers[i] << holds;
    holds += bits;
    while (holds >= 8) {
      bytes[at++] = held & 0xff;
      held >>>= 8;
      holds -= 8;
    }
  }
  if (holds > 0) {
    bytes[at] = held & 0xff;
  }
}

/** Reads what `writeBitRow` wrote into `numbers`. Throws if the last byte has bits beyond them. */
export function readBitRow(
  bytes: Uint8Array,
  at: number,
  numbers: Uint32Array | Uint8Array,
  bits: number,
): void {
  const mask = 2 ** bits - 1;
  let held = 0;
  let holds = 0;
  for (let i = 0; i < numbers.length; i++) {
    while (holds < bits) {
      held |= bytes[at++] << holds;
      holds += 8;
    }
    numbers[i] = held & mask;
    held >>>= bits;
    holds -= bits;
  }
  if (held !== 0) {
    throw new Error(`byte ${at - 1} has bits set behind the last of a row of ${numbers.length}`);
  }
}
