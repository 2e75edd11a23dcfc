/** What the kernels of this package rely on in tfjs-wasm and tfjs-node beyond their documentation: a release may rename it. */
import * as tf from '@tensorflow/tfjs-core';

/** By backend: members that are used, by their path. */
const MEMBERS: Record<string, string[]> = {
  wasm: [
    'wasm.HEAPU8',
    'wasm._malloc',
    'wasm._free',
    'wasm.cwrap',
    'wasm.tfjs.registerTensor',
    'wasm.tfjs.disposeData',
    'dataIdMap.get',
    'makeOutput',
    'typedArrayFromHeap',
    'disposeData',
  ],
  tensorflow: [
    'binding.TF_FLOAT',
    'binding.TF_INT32',
    'binding.TF_ATTR_BOOL',
    'binding.TF_ATTR_FLOAT',
    'binding.TF_ATTR_INT',
    'binding.TF_ATTR_TYPE',
    'isUsingGpuDevice',
    'executeSingleOutput',
    'executeMultipleOutputs',
  ],
  webgpu: ['tensorMap.get', 'tensorMap.has', 'device.lost', 'device.features.has'],
  cpu: ['firstUse'],
};

describe('the surface of a backend that kernels rely on', () => {
  const name = tf.getBackend();

  it('has the members that are used', () => {
    const members = MEMBERS[name];
    if (members == null) pending(`${name} is used through tfjs alone`);
    for (const path of members) {
      const value = path
        .split('.')
        .reduce<unknown>((object, key) => (object as Record<string, unknown>)[key], tf.backend());
      expect(value).withContext(path).toBeDefined();
    }
  });

  it('keeps values on the host until they are used, where ids are looked at', () => {
    if (name !== 'webgpu') pending(`${name} can read values at any time`);
    const ids = tf.tensor1d([3, 4], 'int32');
    const {tensorMap} = tf.backend() as unknown as {
      tensorMap: {get(dataId: object): {values?: ArrayLike<number>}};
    };
    expect(Array.from(tensorMap.get(ids.dataId).values!)).toEqual([3, 4]);
  });
});
