/** Rows of a table by token id. */
import * as tf from '@tensorflow/tfjs-core';
import {ensureKernel, runKernel} from '../kernels/ensure_kernel.js';
import {ScatterRows} from '../kernels/kernel_names.js';
import '../kernels/composed/scatter_rows.js';
import {checkIds} from '../ops/check_ids.js';
import {toIdTensor} from '../ops/checks.js';

/**
 * `table[ids]` with one row per id, `[V, d]` and any number of ids → `[n, d]`. Its gradient adds up rows in the order of
 * the ids on every backend (tfjs' own, `UnsortedSegmentSum`, is missing on wasm and adds in random order on WebGPU).
 *
 * @param table float32 `[V, d]`.
 * @param ids int32, any shape.
 * @param where Begins the messages: the layer that looks up.
 * @throws If an id is not in `[0, V)` or the ids are not int32. On `webgpu` an id that an op on the GPU made gives a row of NaN
 *   instead, and a gradient of NaN.
 */
export function embeddingLookup(table: tf.Tensor2D, ids: tf.Tensor, where: string): tf.Tensor2D {
  const [size] = table.shape;
  checkIds(toIdTensor(ids, 'ids', where), size, 'ids', 'the table', where);
  const flat = tf.reshape(ids, [-1]) as tf.Tensor1D;
  // Registers this package's kernels, of which webgpu's gather gives NaN for ids that nobody could check, not zeros.
  ensureKernel(ScatterRows);
  const lookup = tf.customGrad((rows, save) => {
    (save as tf.GradSaveFunc)([flat]);
    return {
      value: tf.gather(rows as tf.Tensor2D, flat),
      gradFunc: (dy, saved) => {
        const [savedIds] = saved as tf.Tensor[];
        return runKernel<tf.Tensor>(ScatterRows, {rows: dy, ids: savedIds}, {numSegments: size});
      },
    };
  });
  return lookup(table) as tf.Tensor2D;
}
