import * as tf from '@tensorflow/tfjs-core';

const isNode = typeof process !== 'undefined' && process.versions?.node != null;

if (tf.getBackend() === 'wasm' && isNode) {
  describe('the wasm kernels', () => {
    it("pass tfjs-core's own specs for matmul, fused matmul, gather and unsortedSegmentSum", async () => {
      const {execFile} = await import('node:child_process');
      const {promisify} = await import('node:util');
      const {fileURLToPath} = await import('node:url');
      const script = fileURLToPath(new URL('./run_tfjs_core.ts', import.meta.url));
      const {stdout} = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
      const summary = JSON.parse(stdout.trim().split('\n').pop()!) as {
        passed: number;
        failures: string[];
      };
      expect(summary.failures).toEqual([]);
      expect(summary.passed).toBeGreaterThan(150);
    });
  });
}
