/** `setup` as a program of its own, for a clone in which nothing has been built yet. */
import {parseArgs} from 'node:util';
import {setup} from './setup.js';
import {SetupError} from './setup_error.js';

const {values} = parseArgs({
  options: {gpu: {type: 'boolean'}, cpu: {type: 'boolean'}, force: {type: 'boolean'}},
});
try {
  await setup({
    variant: values.gpu ? 'gpu' : values.cpu ? 'cpu' : undefined,
    force: values.force,
    log: (line) => console.log(`setup: ${line}`),
  });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}
