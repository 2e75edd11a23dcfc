import {Command} from 'commander';
import {setup} from '../setup/setup.js';
import {withExamples} from './example_help.js';

interface SetupCommandOptions {
  gpu?: boolean;
  cpu?: boolean;
  force?: boolean;
}

/** `setup`: the tensorflow backend. */
export function setupCommand(): Command {
  const command = new Command('setup')
    .description(
      "make the tensorflow backend work: TensorFlow's current release, built for tfjs-node",
    )
    .option('--gpu', 'TensorFlow with CUDA')
    .option('--cpu', 'TensorFlow without CUDA')
    .option('--force', 'do everything again')
    .action(run);
  return withExamples(command, [
    ['For the CPU', 'tfjs-mapl setup'],
    ['For NVIDIA GPUs', 'tfjs-mapl setup --gpu'],
  ]);
}

async function run(options: SetupCommandOptions): Promise<void> {
  if (options.gpu && options.cpu) throw new Error('--gpu and --cpu exclude each other.');
  const log = (line: string) => console.log(`setup: ${line}`);
  const variant = options.gpu ? 'gpu' : options.cpu ? 'cpu' : undefined;
  const result = await setup({variant, force: options.force, log});
  log(
    `TensorFlow ${result.tensorflow} (${result.variant}) ${result.changed ? 'is ready' : 'was ready'}`,
  );
  if (result.nativeError) log(`native ops: ${result.nativeError}`);
}
