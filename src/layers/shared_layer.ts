/** A layer whose weights others use too: a boundary and its halves, the anchors of a stage. */
import * as tfl from '@tensorflow/tfjs-layers';
import type {DisposeResult} from './layer_types.js';

/** Base of layers that are built by whoever needs their weights first, and freed with the last who does. */
export abstract class SharedLayer extends tfl.layers.Layer {
  /** Initial values are not worth drawing, because loaded ones follow. */
  protected fastInit = false;

  override setFastWeightInitDuringBuild(value: boolean): void {
    super.setFastWeightInitDuringBuild(value);
    this.fastInit = value;
  }

  /** Counts one more user of the weights; each user, models among them, calls `dispose()` once. */
  retain(): void {
    this._refCount = (this._refCount ?? 0) + 1;
  }

  /** Ends one use. tfjs refuses this for a layer that no model has. */
  override dispose(): DisposeResult {
    this._refCount ??= 1;
    return super.dispose();
  }
}
