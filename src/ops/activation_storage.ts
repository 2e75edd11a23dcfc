/** The option in which number format activations wait for the backward pass. */
import * as tf from '@tensorflow/tfjs-core';

/** Number formats of stored activations. */
export type ActivationStorage = 'float32' | 'float16';

const FLAG = 'MAPL_ACTIVATION_STORAGE';
const STORAGES: readonly ActivationStorage[] = ['float32', 'float16'];

/** Where a word holds two halves; tfjs-webgl keeps integers in float32. */
const BACKENDS: readonly string[] = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

tf.env().registerFlag(FLAG, () => 'float32', checkStorage);

/**
 * Sets in which number format the layers of a LLaMA keep what their backward pass needs: the flag `MAPL_ACTIVATION_STORAGE` of
 * `tf.env()`, which a page can also set in its address (`?tfjsflags=MAPL_ACTIVATION_STORAGE:float16`). It counts for forward
 * passes from now on.
 *
 * `'float32'` (default) keeps all that tfjs's gradients keep. With `'float16'` the forward pass computes the same bits; what waits
 * for the backward pass is rounded to IEEE halves, once for all ops that share it, and what gradients never read is not kept.
 * The backward pass computes in float32. Gradients differ by about `1e-3` of their norm; memory is measured in
 * docs/architecture.md. Logits, log-sum-exps, weights and what other layers keep stay float32.
 *
 * Activations from 65520 on become infinite (halves end at 65504) and make gradients that are not finite, rather than wrong ones.
 *
 * @throws Error if `storage` is neither.
 */
export function setActivationStorage(storage: ActivationStorage): void {
  checkStorage(storage);
  tf.env().set(FLAG, storage);
}

/**
 * The number format set with {@link setActivationStorage}.
 *
 * @param backend Name of the backend that is to store them; the current one by default.
 * @throws Error if it is `'float16'` and that backend cannot hold halves.
 */
export function activationStorage(backend = tf.getBackend()): ActivationStorage {
  const storage = tf.env().getString(FLAG);
  checkStorage(storage);
  if (storage === 'float16' && !BACKENDS.includes(backend)) {
    throw new Error(
      `${FLAG} is 'float16', but the backend is '${backend}', whose integers do not hold two halves: ` +
        `use one of ${BACKENDS.join(', ')}, or setActivationStorage('float32').`,
    );
  }
  return storage;
}

function checkStorage(storage: unknown): asserts storage is ActivationStorage {
  if (!STORAGES.includes(storage as ActivationStorage)) {
    throw new Error(
      `${FLAG} is ${JSON.stringify(storage)}; expected ${STORAGES.map((s) => `'${s}'`).join(' or ')}.`,
    );
  }
}
