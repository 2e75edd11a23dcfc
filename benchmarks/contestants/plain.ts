/** tfjs without this package's kernels: `plain.ts <backend> <folder>`, backend `wasm` or `tensorflow`. */
import {createRequire} from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import {setBackendEnvironment} from '../../src/backends/environment.js';
import {CONFIG, readBatch} from '../step_task.js';
import {answerLines} from './answer_lines.js';
import {plainStep} from './plain_step.js';

const [backend, folder] = process.argv.slice(2);
// Not through `src/backends`, which registers the fast kernels.
if (backend === 'wasm') {
  await import('@tensorflow/tfjs-backend-wasm');
} else {
  setBackendEnvironment();
  createRequire(import.meta.url)('@tensorflow/tfjs-node');
}
await tf.setBackend(backend);
await tf.ready();

await answerLines({backend}, plainStep(CONFIG, readBatch(folder)));
