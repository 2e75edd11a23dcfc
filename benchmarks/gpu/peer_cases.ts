/**
 * The kernels of `@genai-fi/nanogpt` 1.3.0 that have a counterpart here. Both programs make their inputs from this list, so it
 * imports nothing.
 */

/** What both sides compute. */
export type PeerOp =
  | 'attention'
  | 'attentionGrad'
  | 'rmsNorm'
  | 'rmsNormGrad'
  | 'rope'
  | 'ropeGrad'
  | 'crossEntropy'
  | 'crossEntropyGrad'
  | 'adamw'
  | 'clipFactor'
  | 'optimizerStep';

/** How a tensor is filled. */
export interface InputSpec {
  shape: number[];
  /** `cos` and `sin`: tables `[time, width / 2]` of rotary angles of base 10000. */
  fill: 'normal' | 'positive' | 'ids' | 'cos' | 'sin' | 'constant';
  /** Standard deviation, or the constant (default 1). */
  scale?: number;
  /** Of `ids`. */
  limit?: number;
}

export interface PeerCase {
  op: PeerOp;
  /** Ours, for the table. */
  name: string;
  /** Theirs, for the table, and how their mathematics is written differently. */
  against: string;
  /** In the order in which they are filled. */
  inputs: Record<string, InputSpec>;
  attrs: Record<string, number>;
  /** Whether their activations are stored in 16 bits, which they call mixed precision; ours stay in 32. */
  half: boolean;
  /** Largest difference allowed, as a part of the largest value. */
  tolerance: number;
  /** What ours does at least: reads and writes each value once, or this arithmetic. */
  work: {bytes: number} | {flops: number};
}

/** Sizes of a model; those of nanogpt are the defaults of its model. */
interface Sizes {
  batch: number;
  time: number;
  heads: number;
  width: number;
  vocab: number;
  /** Rows of logits: what fits the 128 MiB that every adapter can bind. */
  tokens: number;
}

const NANOGPT: Sizes = {batch: 32, time: 128, heads: 4, width: 64, vocab: 2000, tokens: 4096};
const WIDE: Sizes = {batch: 8, time: 512, heads: 16, width: 64, vocab: 32000, tokens: 1024};
/** Multiples of 32, without which nanogpt packs nothing. */
const TINY: Sizes = {batch: 1, time: 32, heads: 2, width: 32, vocab: 64, tokens: 8};

/** Names of inputs that nanogpt stores in 16 bits in its mixed precision. */
export const PACKED_INPUTS: ReadonlySet<string> = new Set([
  'q',
  'k',
  'v',
  'dout',
  'x',
  'weight',
  'dy',
]);

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const normal = (shape: number[], scale = 1): InputSpec => ({shape, fill: 'normal', scale});

/** All comparisons; `quick` makes them too small to mean anything. */
export function peerCases(quick: boolean): PeerCase[] {
  const sizes = quick ? [TINY] : [NANOGPT, WIDE];
  const halves = (make: (half: boolean) => PeerCase) => [make(false), make(true)];
  return [
    ...sizes.flatMap((s) => halves((half) => attention(s, false, half))),
    ...sizes.flatMap((s) => halves((half) => attention(s, true, half))),
    ...sizes.flatMap((s) => halves((half) => rmsNorm(s, false, half))),
    ...sizes.flatMap((s) => halves((half) => rmsNorm(s, true, half))),
    ...sizes.flatMap((s) => halves((half) => rope(s, false, half))),
    ...sizes.flatMap((s) => halves((half) => rope(s, true, half))),
    ...sizes.map((s) => crossEntropy(s, false)),
    ...sizes.map((s) => crossEntropy(s, true)),
    adamw(quick ? [8, 8] : [4096, 4096]),
    ...(quick ? [] : [adamw([256, 1024])]),
    clipFactor(quick ? [8, 8] : [1024, 1024], quick ? 16 : 32),
    optimizerStep(quick),
  ];
}

const packed = (half: boolean) => (half ? ', stored in 16 bits' : '');
const tolerance = (half: boolean) => (half ? 2e-2 : 1e-4);

function attention(s: Sizes, grad: boolean, half: boolean): PeerCase {
  const shape = [s.batch, s.heads, s.time, s.width];
  const inputs = {q: normal(shape), k: normal(shape), v: normal(shape)};
  const sizes = `${s.batch}×${s.heads} heads, ${s.time} positions, ${s.width} wide`;
  // Half of the scores are hidden.
  const half1 = s.batch * s.heads * s.time * s.time * s.width;
  return {
    op: grad ? 'attentionGrad' : 'attention',
    name: `CausalAttention${grad ? 'Grad' : ''} (${sizes})`,
    against: grad
      ? `gradients of MatMul16, Softmax and AttentionMask from the kept T×T weights${packed(half)}`
      : `AttentionMask, Softmax, MatMul16 through T×T weights${packed(half)}`,
    inputs: grad ? {...inputs, dout: normal(shape)} : inputs,
    attrs: {scale: 1 / Math.sqrt(s.width)},
    half,
    tolerance: tolerance(half),
    work: {flops: (grad ? 5 : 2) * half1},
  };
}

function rmsNorm(s: Sizes, grad: boolean, half: boolean): PeerCase {
  const width = s.heads * s.width;
  const shape = [s.batch, s.time, width];
  const inputs = {x: normal(shape), weight: normal([width])};
  return {
    op: grad ? 'rmsNormGrad' : 'rmsNorm',
    name: `RmsNorm${grad ? 'Grad' : ''} (${s.batch * s.time}×${width})`,
    against: `${grad ? 'RMSNormGrad' : 'RMSNorm with gamma'}${packed(half)}`,
    inputs: grad ? {...inputs, dy: normal(shape)} : inputs,
    // Theirs, which cannot be chosen there.
    attrs: {epsilon: 1e-8},
    half,
    tolerance: tolerance(half),
    work: {bytes: 4 * (grad ? 3 : 2) * product(shape)},
  };
}

function rope(s: Sizes, grad: boolean, half: boolean): PeerCase {
  const shape = [s.batch, s.heads, s.time, s.width];
  const table = [s.time, s.width / 2];
  return {
    op: grad ? 'ropeGrad' : 'rope',
    name: `RotaryEmbedding${grad ? ', gradient' : ''} (${shape.join('×')})`,
    against: `Rope${grad ? ' with −sin' : ''}${packed(half)}; turns neighbours, not halves: same values in another order`,
    inputs: {x: normal(shape), cos: {shape: table, fill: 'cos'}, sin: {shape: table, fill: 'sin'}},
    attrs: {},
    half,
    tolerance: tolerance(half),
    work: {bytes: 4 * 2 * product(shape)},
  };
}

function crossEntropy(s: Sizes, grad: boolean): PeerCase {
  const shape = [s.tokens, s.vocab];
  return {
    op: grad ? 'crossEntropyGrad' : 'crossEntropy',
    name: grad
      ? `SparseCrossEntropyGrad (${shape.join('×')})`
      : `SparseCrossEntropy and mean (${shape.join('×')})`,
    against: grad
      ? 'Softmax, EfficientScatterSub'
      : 'its loss of sparse labels (max, log-sum-exp, EfficientGatherSub, mean)',
    inputs: {
      logits: normal(shape, 3),
      targets: {shape: [s.tokens], fill: 'ids', limit: s.vocab},
      ...(grad ? {dloss: {shape: [s.tokens], fill: 'constant' as const, scale: 1 / s.tokens}} : {}),
    },
    attrs: {},
    half: false,
    tolerance: tolerance(false),
    work: {bytes: 4 * (grad ? 2 : 1) * product(shape)},
  };
}

const ADAM = {learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1};

function adamw(shape: number[]): PeerCase {
  return {
    op: 'adamw',
    name: `AdamWUpdate (${shape.join('×')})`,
    against: 'AdamMoments, AdamAdjust; moments side by side in one tensor',
    inputs: {
      value: normal(shape),
      gradient: normal(shape),
      first: normal(shape),
      second: {shape, fill: 'positive'},
    },
    attrs: {...ADAM, t: 3},
    half: false,
    tolerance: tolerance(false),
    work: {bytes: 4 * 7 * product(shape)},
  };
}

/** Of other numbers of tensors than 16, 32, 64 or 128 its ClipScale reads past the end and gives another factor. */
function clipFactor(shape: number[], count: number): PeerCase {
  const entries = Array.from({length: count}, (_, i) => [`g${i}`, normal(shape)] as const);
  return {
    op: 'clipFactor',
    name: `GlobalNorm and factor to clip by (${count} of ${shape.join('×')})`,
    against: 'Norm2 of each, added by atomics, and ClipScale',
    inputs: Object.fromEntries(entries),
    attrs: {clipNorm: 1},
    half: false,
    tolerance: tolerance(false),
    work: {bytes: 4 * count * product(shape)},
  };
}

/**
 * The weights of nanogpt's default model. They are 25, of which its ClipScale gives a wrong norm (see `clipFactor`): the norm
 * to clip to is so large that the factor is 1 on both sides, found by the same work.
 */
function optimizerStep(quick: boolean): PeerCase {
  const [vocab, d, layers] = quick ? [64, 32, 1] : [2000, 256, 6];
  const block = [
    [d, 3 * d],
    [d, d],
    [d, 4 * d],
    [4 * d, d],
  ];
  const shapes = [[vocab, d], ...Array.from({length: layers}, () => block).flat()];
  const inputs: Record<string, InputSpec> = {};
  for (const [i, shape] of shapes.entries()) {
    inputs[`w${i}`] = normal(shape, 0.02);
    inputs[`g${i}`] = normal(shape);
  }
  const values = shapes.reduce((sum, shape) => sum + product(shape), 0);
  return {
    op: 'optimizerStep',
    name: `AdamW with clipping by the global norm, a step (${shapes.length} weights, ${values} values)`,
    against: 'its AdamWOptimizer with clipNorm, too large to clip',
    inputs,
    attrs: {...ADAM, clipNorm: 1e6},
    half: false,
    tolerance: tolerance(false),
    // The update, and the norm before it.
    work: {bytes: 4 * 8 * values},
  };
}

/** Values of all inputs, the same in both programs. */
export function fillInputs({inputs}: PeerCase): Record<string, Float32Array | Int32Array> {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  // Uniform, with the deviation asked for.
  const spread = Math.sqrt(12);
  const filled = Object.entries(inputs).map(([name, {shape, fill, scale = 1, limit = 1}]) => {
    const size = product(shape);
    if (fill === 'ids') {
      return [name, Int32Array.from({length: size}, () => Math.floor(next() * limit))] as const;
    }
    const values = new Float32Array(size);
    if (fill === 'cos' || fill === 'sin') {
      const [, columns] = shape;
      for (let i = 0; i < size; i++) {
        const angle = Math.floor(i / columns) * 1e4 ** -((i % columns) / columns);
        values[i] = fill === 'cos' ? Math.cos(angle) : Math.sin(angle);
      }
      return [name, values] as const;
    }
    for (let i = 0; i < size; i++) {
      if (fill === 'constant') values[i] = scale;
      else if (fill === 'positive') values[i] = 0.1 + next();
      else values[i] = (next() - 0.5) * spread * scale;
    }
    return [name, values] as const;
  });
  return Object.fromEntries(filled);
}
