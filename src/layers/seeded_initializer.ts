/** Initial weights that are the same bits on every backend. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {seededNormal} from '../manifolds/seeded_normal.js';
import {weightSeed} from './weight_seed.js';

/** What `Layer.addWeight` takes as an initializer. */
export type Initializer = ReturnType<typeof tfl.initializers.zeros>;

/** `size` draws from `N(0, range)` by a generator seeded with `seed` and the weight's full name. */
export function seededNormals(
  size: number,
  range: number,
  seed: number,
  weightName: string,
): Float32Array {
  const normal = seededNormal(weightSeed(seed, weightName));
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    values[i] = range * normal();
  }
  return values;
}

/**
 * `N(0, range)` from a generator seeded by `seed` and the weight's full name, so that a stage built alone starts like the
 * same stage of the whole model. Drawn in float64, rounded once.
 */
export class SeededInitializer extends tf.serialization.Serializable implements Initializer {
  /** @nocollapse */
  static className = 'SeededInitializer';

  constructor(
    private readonly range: number,
    private readonly seed: number,
    private readonly weightName: string,
  ) {
    super();
  }

  fromConfigUsesCustomObjects(): boolean {
    return false;
  }

  apply(shape: tfl.Shape): tf.Tensor {
    const size = tf.util.sizeFromShape(shape as number[]);
    const values = seededNormals(size, this.range, this.seed, this.weightName);
    return tf.tensor(values, shape as number[], 'float32');
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {range: this.range, seed: this.seed, weightName: this.weightName};
  }
}
