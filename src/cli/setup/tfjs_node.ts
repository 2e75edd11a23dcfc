/** Making sure that tfjs-node's files are there. */
import {findTfjsNode} from '../../backends/tensorflow_install.js';
import {projectFolder} from './paths.js';
import {errorLine, type RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';
import {TFJS_NODE_VERSION} from './versions.js';

/**
 * Folder of `@tensorflow/tfjs-node`, installed without its install script (which would fetch TensorFlow 2.9.1) where it
 * is missing.
 *
 * @throws SetupError if npm cannot install it
 */
export async function ensureTfjsNode(
  run: RunCommand,
  log: (line: string) => void,
): Promise<string> {
  const found = await findTfjsNode();
  if (found != null) return found;
  const spec = `@tensorflow/tfjs-node@${TFJS_NODE_VERSION}`;
  const project = await projectFolder();
  log(`tfjs-node is missing: npm install --no-save --ignore-scripts ${spec} in ${project}`);
  const result = await run(['npm', 'install', '--no-save', '--ignore-scripts', spec], {
    cwd: project,
  });
  const installed = await findTfjsNode();
  if (result.code !== 0 || installed == null) {
    throw new SetupError(
      `npm could not install ${spec}: ${errorLine(result)}. Do it by hand: ` +
        `npm install --ignore-scripts ${spec}`,
    );
  }
  log(`to keep it, add it to your package.json: npm install --ignore-scripts ${spec}`);
  return installed;
}
