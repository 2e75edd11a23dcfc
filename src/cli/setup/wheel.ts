/** Fetching wheels with pip, which checks them against the index. */
import {mkdirSync, readdirSync, renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {errorLine, type RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';
import {describeFile, partial, recordStage, stageDone} from './state.js';
import {PYTHON_TAG, type WheelSpec} from './versions.js';

/**
 * Downloads a wheel into `folder/wheels`, unless it is there already.
 *
 * @param stage name under which the finished download is recorded
 * @returns path of the wheel
 * @throws SetupError with pip's reason
 */
export async function fetchWheel(
  folder: string,
  stage: string,
  spec: WheelSpec,
  pip: string[],
  run: RunCommand,
): Promise<string> {
  const wheels = path.join(folder, 'wheels');
  const target = path.join(wheels, stage);
  if (await stageDone(folder, stage, true)) return only(target);

  const beside = partial(target);
  rmSync(target, {recursive: true, force: true});
  rmSync(beside, {recursive: true, force: true});
  mkdirSync(beside, {recursive: true});
  const result = await run([
    ...pip,
    'download',
    '--disable-pip-version-check',
    '--no-input',
    '--no-deps',
    '--only-binary=:all:',
    `--python-version=${PYTHON_TAG.version}`,
    '--implementation=cp',
    `--abi=${PYTHON_TAG.abi}`,
    ...spec.platforms.map((tag) => `--platform=${tag}`),
    `--dest=${beside}`,
    spec.requirement,
  ]);
  if (result.code !== 0) {
    rmSync(beside, {recursive: true, force: true});
    throw new SetupError(
      `pip could not fetch ${spec.requirement}: ${errorLine(result)}. Run setup again to go on; ` +
        `the backends wasm, webgpu and cpu work without.`,
    );
  }
  renameSync(beside, target);
  const wheel = only(target);
  recordStage(folder, stage, [await describeFile(folder, path.relative(folder, wheel))]);
  return wheel;
}

function only(folder: string): string {
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (wheel == null) throw new SetupError(`pip left no wheel in ${folder}.`);
  return path.join(folder, wheel);
}
