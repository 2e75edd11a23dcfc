/** What `scripts/bundle_gpu.mjs` puts in this module's place: the parts of `@genai-fi/nanogpt` 1.3.0 that train. */
declare module 'mapl:nanogpt' {
  export interface NanogptTensor {
    data(): Promise<Float32Array>;
    dispose(): void;
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
}
