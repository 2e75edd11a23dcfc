/**
 * The header of a safetensors file (https://github.com/huggingface/safetensors): 8 bytes little-endian length `n`, then
 * `n` bytes of JSON `{name: {dtype, shape, data_offsets}}`, then the tensors back to back.
 *
 * Our own, because the npm package `safetensors` (0.0.1) only slices a buffer: it checks nothing (a truncated file gives
 * short tensors), widens no half floats, reads whole files only and can't write.
 */

/** Bytes per element of each dtype the format knows and that we read. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** Name of an element type in a safetensors file. */
export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

/** One tensor of a file: where its bytes lie. */
export interface SafetensorsEntry {
  dtype: SafetensorsDtype;
  shape: number[];
  /** First byte, counted from the start of the data. */
  begin: number;
  /** Byte after the last one. */
  end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  entries: Map<string, SafetensorsEntry>;
  metadata: Record<string, string>;
}

/** Largest header we accept, the limit of the reference implementation: more is a corrupt length. */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * Parses and checks the JSON part.
 *
 * @param json The header's text.
 * @param dataBytes Bytes of the file after the header.
 * @param label File name for messages.
 * @throws If the JSON is broken, a dtype unknown, a size does not fit shape and dtype, tensors overlap or leave holes, or
 *   the data is shorter (truncated) or longer than the header says.
 */
export function parseSafetensorsHeader(
  json: string,
  dataBytes: number,
  label: string,
): SafetensorsHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new Error(
      `${label} is not a safetensors file: its header is not JSON (${(error as Error).message}).`,
    );
  }
  if (parsed == null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new Error(`${label} is not a safetensors file: its header is not a JSON object.`);
  }
  const {__metadata__: metadata, ...tensors} = parsed as Record<string, unknown>;
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, entry] of Object.entries(tensors)) {
    entries.set(name, parseEntry(entry, name, label));
  }
  checkLayout(entries, dataBytes, label);
  return {entries, metadata: (metadata ?? {}) as Record<string, string>};
}

function parseEntry(entry: unknown, name: string, label: string): SafetensorsEntry {
  const fail = (what: string): never => {
    throw new Error(`${label}: tensor '${name}' ${what}: the file is corrupt.`);
  };
  const {dtype, shape, data_offsets: offsets} = (entry ?? {}) as Record<string, unknown>;
  const isCount = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  if (typeof dtype !== 'string') {
    return fail('has no dtype');
  }
  if (!(dtype in DTYPE_BYTES)) {
    throw new Error(
      `${label}: tensor '${name}' has dtype ${dtype}, expected one of ${Object.keys(DTYPE_BYTES).join(', ')}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(`has shape ${JSON.stringify(shape)}, expected a list of sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail(`has data_offsets ${JSON.stringify(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const elements = (shape as number[]).reduce((product, n) => product * n, 1);
  const bytes = elements * DTYPE_BYTES[dtype as SafetensorsDtype];
  if (end - begin !== bytes) {
    return fail(`has ${end - begin} bytes, expected ${bytes} for ${dtype} [${shape.join(', ')}]`);
  }
  return {dtype: dtype as SafetensorsDtype, shape: shape as number[], begin, end};
}

/** The format allows neither overlaps nor holes: with neither, the sorted ranges tile the data. */
function checkLayout(
  entries: Map<string, SafetensorsEntry>,
  dataBytes: number,
  label: string,
): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let next = 0;
  for (const [name, {begin, end}] of sorted) {
    if (begin !== next) {
      const what = begin < next ? 'overlaps the tensor before it' : 'leaves unused bytes before it';
      throw new Error(`${label}: tensor '${name}' ${what}: the file is corrupt.`);
    }
    next = end;
  }
  if (next > dataBytes) {
    throw new Error(
      `${label} is truncated: it has ${dataBytes} bytes of tensors, expected ${next}: copy or download it again.`,
    );
  }
  if (next < dataBytes) {
    throw new Error(
      `${label} has ${dataBytes - next} bytes after its last tensor: the file is corrupt.`,
    );
  }
}
