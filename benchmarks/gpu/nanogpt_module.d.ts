/** What `scripts/bundle_gpu.mjs` puts in this module's place: the parts of `@genai-fi/nanogpt` 1.3.0 that train. */
declare module 'mapl:nanogpt' {
  export interface NanogptTensor {
    shape: number[];
    dtype: string;
    data(): Promise<Float32Array>;
    dispose(): void;
  }

  /** Of its own copy of tfjs. */
  export interface NanogptEngine {
    backend: unknown;
    makeTensor(values: Float32Array | Int32Array, shape: number[], dtype: string): NanogptTensor;
    makeVariable(value: NanogptTensor, trainable: boolean, name: string): NanogptTensor;
    runKernel<T = NanogptTensor>(
      name: string,
      inputs: Record<string, NanogptTensor>,
      attrs?: object,
    ): T;
    startScope(): void;
    endScope(result?: NanogptTensor[]): void;
  }

  export interface NanogptTrainer {
    setMixedPrecision(enabled: boolean): void;
    trainStep(state: object, batch: {xs: NanogptTensor; ys: NanogptTensor}): NanogptTensor;
  }

  export function selectBackend(name: 'webgpu'): Promise<void>;
  export const Model: new (config: object) => {getNumParams(): number};
  export const BasicTrainer: new (
    model: object,
    tokenizer: object,
    options: object,
  ) => NanogptTrainer;

  /** Packs pairs of values of the last dimension, each in 16 bits. */
  export function pack16(x: NanogptTensor): NanogptTensor;
  export function unpack16(x: NanogptTensor): NanogptTensor;
  /** `keepBatch` false: the mean over all rows. */
  export function createSoftmaxCrossEntropyWithGrad(
    masked: boolean,
    keepBatch: boolean,
  ): (logits: NanogptTensor, labels: NanogptTensor) => NanogptTensor;
  /** → the factor to clip by and the norm. */
  export function clipScale(
    gradients: NanogptTensor[],
    invLossScaling: number,
    clipNorm: number,
  ): NanogptTensor;
  export const AdamWOptimizer: new (config: object) => {
    applyGradients(gradients: {name: string; tensor: NanogptTensor}[]): NanogptTensor;
  };
}
