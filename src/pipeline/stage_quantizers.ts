/** Quantisers that a stage applies itself: layers of their own, and those of boundaries that are not cut. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {ProjectionBoundary, ResidualVectorQuantizer} from '../layers/index.js';
import type {Stage} from './stage.js';

/**
 * Has their codebooks learn once an optimizer step, from all microbatches, and from each only once where forwards are computed
 * again. Those of a boundary that is cut belong to the codec of its leg.
 */
export class StageQuantizers {
  private readonly all: ResidualVectorQuantizer[];

  constructor(stage: Stage) {
    this.all = [...new Set(quantizersOf(stage.model.layers))];
  }

  /**
   * Before a forward of the stage in training.
   *
   * @param again Whether it was computed before: it uses the same codes and rounds, and nobody learns from it twice.
   */
  beginCall(microbatch: number, again: boolean): void {
    this.all.forEach((quantizer) => quantizer.beginCall(microbatch, again));
  }

  /** All microbatches of a step have passed. */
  endStep(): void {
    this.all.forEach((quantizer) => quantizer.endStep());
  }

  /** The step will not be finished: what its microbatches said is dropped. */
  reset(): void {
    this.all.forEach((quantizer) => quantizer.dropStep());
  }
}

function quantizersOf(layers: tfl.layers.Layer[]): ResidualVectorQuantizer[] {
  return layers.flatMap((layer) => {
    if (layer instanceof ResidualVectorQuantizer) return [layer];
    if (layer instanceof ProjectionBoundary) return layer.quantizer ?? [];
    // A model as a layer.
    const inner = (layer as {layers?: tfl.layers.Layer[]}).layers;
    return Array.isArray(inner) ? quantizersOf(inner) : [];
  });
}
