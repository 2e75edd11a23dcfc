/** Finding a pip. Any Python will do: it only downloads. */
import type {RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';

/** Programs that may be a Python with pip, or pip itself. */
const CANDIDATES = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ...[14, 13, 12, 11, 10, 9].map((minor) => [`python3.${minor}`, '-m', 'pip']),
];

/**
 * The command that runs pip. `TFJS_MAPL_PYTHON` names a Python to use.
 *
 * @throws SetupError that says how to get one
 */
export async function findPip(run: RunCommand): Promise<string[]> {
  const named = process.env.TFJS_MAPL_PYTHON;
  const candidates = named ? [[named, '-m', 'pip']] : CANDIDATES;
  for (const command of candidates) {
    if ((await run([...command, '--version'])).code === 0) return command;
  }
  throw new SetupError(
    named
      ? `TFJS_MAPL_PYTHON=${named} has no pip.`
      : 'pip is missing: it fetches TensorFlow. Install it (Debian, Ubuntu: apt-get install python3-pip) and ' +
          'run setup again. The backends wasm, webgpu and cpu work without.',
  );
}
