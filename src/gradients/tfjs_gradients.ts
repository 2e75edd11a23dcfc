/**
 * Registers the gradients of tfjs's own kernels. The package tfjs-core has them but does not register them when imported;
 * tfjs-layers does, and is a peer of this package anyway. Without this a program that imports only ops would fail at its
 * first `tf.grad`.
 */
import '@tensorflow/tfjs-layers';
