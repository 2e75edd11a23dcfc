/** Reads safetensors files tensor by tensor. */
import {checkMembers} from '../ops/check_values.js';
import {type ByteSource, memorySource} from './byte_source.js';
import {bfloat16ToFloat32, float16ToFloat32} from './half_floats.js';
import {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensors_header.js';

/** An open safetensors file; its header is read and checked, its tensors are read when asked for. */
export class SafetensorsReader {
  private constructor(
    private readonly source: ByteSource,
    private readonly header: SafetensorsHeader,
    private readonly dataStart: number,
  ) {}

  /**
   * Opens a file.
   *
   * @param source The file, or all its bytes.
   * @throws If it is truncated, corrupt or no safetensors file; the message begins with the file's name.
   */
  static async open(source: ByteSource | Uint8Array): Promise<SafetensorsReader> {
    const file = source instanceof Uint8Array ? memorySource(source) : source;
    const members = ['label', 'size', 'read'];
    checkMembers('SafetensorsReader.open', 'source', file, members, 'bytes, or a file source');
    const {label, size} = file;
    if (size < 8) {
      throw new Error(
        `${label} is truncated: it has ${size} bytes, a safetensors file has at least 8.`,
      );
    }
    const head = await file.read(0, 8);
    const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
    if (length > MAX_HEADER_BYTES) {
      throw new Error(`${label} is not a safetensors file: it claims a header of ${length} bytes.`);
    }
    if (8 + length > size) {
      throw new Error(
        `${label} is truncated: it has ${size} bytes, its header alone ends at byte ${8 + length}.`,
      );
    }
    const json = new TextDecoder().decode(await file.read(8, 8 + length));
    const header = parseSafetensorsHeader(json, size - 8 - length, label);
    return new SafetensorsReader(file, header, 8 + length);
  }

  /** File name for messages. */
  get label(): string {
    return this.source.label;
  }

  /** The `__metadata__` strings of the file. */
  get metadata(): Record<string, string> {
    return this.header.metadata;
  }

  /** Names of the tensors, in the header's order. */
  names(): string[] {
    return [...this.header.entries.keys()];
  }

  /** Whether the file has a tensor of this name. */
  has(name: string): boolean {
    return this.header.entries.has(name);
  }

  /** dtype, shape and place of a tensor; an error if there is none of this name. */
  entry(name: string): SafetensorsEntry {
    const entry = this.header.entries.get(name);
    if (entry == null) {
      throw new Error(
        `${this.label} has no tensor '${name}', expected one of: ${this.names().join(', ')}.`,
      );
    }
    return entry;
  }

  /** The raw little-endian bytes of a tensor. They may share memory with the file: don't write to them. */
  bytes(name: string): Promise<Uint8Array> {
    const {begin, end} = this.entry(name);
    return this.source.read(this.dataStart + begin, this.dataStart + end);
  }

  /** A tensor of dtype F32, F16 or BF16 as float32 values. */
  async float32(name: string): Promise<Float32Array> {
    const {dtype} = this.entry(name);
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
      throw new Error(
        `${this.label}: tensor '${name}' has dtype ${dtype}, expected F32, F16 or BF16.`,
      );
    }
    const bytes = await this.bytes(name);
    if (dtype === 'F32') {
      return new Float32Array(...aligned(bytes, 4));
    }
    const bits = new Uint16Array(...aligned(bytes, 2));
    return dtype === 'F16' ? float16ToFloat32(bits) : bfloat16ToFloat32(bits);
  }

  /** A tensor of dtype I32. */
  async int32(name: string): Promise<Int32Array> {
    const {dtype} = this.entry(name);
    if (dtype !== 'I32') {
      throw new Error(`${this.label}: tensor '${name}' has dtype ${dtype}, expected I32.`);
    }
    return new Int32Array(...aligned(await this.bytes(name), 4));
  }

  /** Lets go of the file. */
  close(): Promise<void> {
    return this.source.close();
  }
}

/** The memory of `bytes` for a typed array with elements of `size` bytes; copied only where it is misaligned. */
function aligned(bytes: Uint8Array, size: number): [ArrayBuffer, number, number] {
  const whole = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return [whole.buffer as ArrayBuffer, whole.byteOffset, whole.byteLength / size];
}
