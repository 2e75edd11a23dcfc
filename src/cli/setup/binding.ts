/** Building tfjs-node's binding against a current TensorFlow, and putting it where tfjs-node looks for it. */
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {
  INSTALL_FILE,
  bindingFolder,
  readInstall,
  type TensorFlowInstall,
} from '../../backends/tensorflow_install.js';
import {compile, compileFlags, findCompiler, keyFlags, linkFlags} from './compile.js';
import {packageRoot} from '../../data/package_root.js';
import {errorLine, type RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';
import {partial, removePartials, sha256Texts, writeAtomically} from './state.js';
import {TENSORFLOW_VERSION, type Variant} from './versions.js';

const BINDING = 'tfjs_binding.node';
const QUIET = 'tfjs_mapl_quiet.node';

/** Whether the installed binding was built from what is here now and is intact. */
export async function bindingCurrent(
  tfjsNode: string,
  site: string,
): Promise<TensorFlowInstall | null> {
  const install = await readInstall(tfjsNode);
  const file = path.join(await bindingFolder(tfjsNode), BINDING);
  if (install == null || !existsSync(file)) return null;
  if (install.bindingKey !== (await bindingKey(tfjsNode, site))) return null;
  if (createHash('sha256').update(readFileSync(file)).digest('hex') !== install.bindingSha256) {
    return null;
  }
  return install;
}

/**
 * Compiles the binding in a folder beside its place, loads it in a process of its own to see that it works, and only
 * then moves it to its place: whatever was there stays until the new one is known to be good.
 *
 * @throws SetupError if it cannot be compiled or loaded
 */
export async function buildBinding(
  tfjsNode: string,
  site: string,
  variant: Variant,
  run: RunCommand,
): Promise<TensorFlowInstall> {
  const compiler = await findCompiler(run);
  const folder = await bindingFolder(tfjsNode);
  mkdirSync(folder, {recursive: true});
  removePartials(folder);
  const work = partial(path.join(folder, 'build'));
  mkdirSync(work);
  try {
    const built = path.join(work, BINDING);
    const shared = [compiler, '-shared', '-O2', ...compileFlags(site), `-I${tfjsNode}`];
    const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) =>
      path.join(tfjsNode, 'binding', name),
    );
    await compile(
      run,
      [...shared, ...sources, '-o', built, ...linkFlags(site)],
      "tfjs-node's binding",
    );
    const filter = path.join(work, QUIET);
    await compile(run, [...shared, await quietSource(), '-o', filter], 'the log filter');
    const version = await loadedVersion(run, [filter], built);
    if (version !== TENSORFLOW_VERSION) {
      throw new SetupError(
        `the new binding loads TensorFlow ${version}, not ${TENSORFLOW_VERSION}.`,
      );
    }
    const bindingSha256 = createHash('sha256').update(readFileSync(built)).digest('hex');
    const old = await readInstall(tfjsNode);
    renameSync(filter, path.join(folder, QUIET));
    renameSync(built, path.join(folder, BINDING));
    const install: TensorFlowInstall = {
      tensorflow: TENSORFLOW_VERSION,
      variant,
      site,
      bindingSha256,
      bindingKey: await bindingKey(tfjsNode, site),
      quiet: path.join(folder, QUIET),
      nativeOps: old?.site === site ? old.nativeOps : null,
      nativeKey: old?.site === site ? old.nativeKey : null,
    };
    await writeInstall(tfjsNode, install);
    return install;
  } finally {
    rmSync(work, {recursive: true, force: true});
  }
}

/** Writes the record beside the binding. */
export async function writeInstall(tfjsNode: string, install: TensorFlowInstall): Promise<void> {
  const file = path.join(await bindingFolder(tfjsNode), INSTALL_FILE);
  writeAtomically(file, JSON.stringify(install, null, 2));
}

/**
 * Loads modules and then the binding in a process of its own.
 *
 * @returns the version of TensorFlow that the binding reports
 * @throws SetupError with the loader's reason
 */
export async function loadedVersion(
  run: RunCommand,
  before: string[],
  binding: string,
  after: string[] = [],
): Promise<string> {
  const load = (files: string[]) => files.map((f) => `require(${JSON.stringify(f)});`).join('');
  const script =
    load(before) +
    `const version = require(${JSON.stringify(binding)}).TF_Version;` +
    load(after) +
    'console.log("TF_Version " + version)';
  const result = await run([process.execPath, '-e', script], {env: {TF_CPP_MIN_LOG_LEVEL: '2'}});
  const version = /TF_Version (\S+)/.exec(result.stdout)?.[1];
  if (result.code !== 0 || version == null) {
    throw new SetupError(
      `${path.basename(after[0] ?? binding)} does not load: ${errorLine(result)}`,
    );
  }
  return version;
}

/** Everything the binding depends on, as one hash. */
async function bindingKey(tfjsNode: string, site: string): Promise<string> {
  const folder = path.join(tfjsNode, 'binding');
  const sources = readdirSync(folder).filter((name) => /\.(cc|h)$/.test(name));
  const files = [...sources.map((name) => path.join(folder, name)), await quietSource()];
  const contents = files.map((file) => readFileSync(file));
  return sha256Texts([TENSORFLOW_VERSION, process.arch, ...keyFlags(site), ...contents]);
}

async function quietSource(): Promise<string> {
  return path.join(await packageRoot(), 'src/cli/setup/native/quiet.cc');
}
