/** A codec turns the values of a tensor into the bytes that cross, and back. */

interface CodecOf<Values extends Float32Array | Int32Array, Dtype extends string> {
  /** Name on the wire and in the registry. */
  readonly name: string;
  /** Raised whenever the bytes of the same values change: peers compare it in their hello. */
  readonly version: number;
  /** Dtype of the values. */
  readonly dtype: Dtype;
  /** Exactly how many bytes `pack` makes of a tensor of that shape. */
  byteLength(shape: readonly number[]): number;
  /** The bytes of `values`, in a new buffer. Throws if `values` does not have that shape. */
  pack(values: Values, shape: readonly number[]): Uint8Array;
  /** The values, in a new array. Throws if `bytes` is not what `pack` makes of that shape. */
  unpack(bytes: Uint8Array, shape: readonly number[]): Values;
}

/** Codec of activations, gradients and weights. */
export type FloatCodec = CodecOf<Float32Array, 'float32'>;

/** Codec of token ids. */
export type IdsCodec = CodecOf<Int32Array, 'int32'>;

/** Any codec; `codec.dtype` tells which kind. */
export type Codec = FloatCodec | IdsCodec;
