/** The folder with TensorFlow's libraries and headers, laid out as pip would lay it out. */
import {renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {extractWheel, readMember} from './extract.js';
import {findPip} from './python.js';
import type {RunCommand} from './run_command.js';
import {SetupError} from './setup_error.js';
import {partial, recordStage, removePartials, type FileRecord} from './state.js';
import {timed} from './timed.js';
import {cudaWheels, tensorflowWheel, type Variant, type WheelSpec} from './versions.js';
import {fetchWheel} from './wheel.js';

/** Name of the stage in the state. */
export const SITE_STAGE = 'site';

/** The folder of libraries and headers in the folder of one TensorFlow. */
export function siteFolder(folder: string): string {
  return path.join(folder, 'site');
}

/**
 * Fetches the wheels and unpacks what is wanted of them into the site, which appears only when it is complete. The
 * layout is pip's, because TensorFlow's libraries find CUDA's by paths relative to themselves.
 *
 * @throws SetupError if pip is missing, a wheel cannot be fetched or is damaged
 */
export async function fillSite(
  folder: string,
  variant: Variant,
  run: RunCommand,
  log: (line: string) => void,
): Promise<void> {
  const site = siteFolder(folder);
  const spec = tensorflowWheel(variant);
  removePartials(folder);
  const pip = await findPip(run);
  const fetch = (stage: string, wheel: WheelSpec) =>
    timed(log, `fetching ${wheel.requirement} with ${pip.join(' ')}`, () =>
      fetchWheel(folder, stage, wheel, pip, run),
    );
  const wheels = [await fetch('tensorflow', spec)];
  if (variant === 'gpu') {
    const metadata = await readMember(wheels[0], (name) => name.endsWith('.dist-info/METADATA'));
    for (const wheel of cudaWheels(metadata ?? '')) {
      wheels.push(await fetch(/^[\w.-]+?(?=[<>=!~]|$)/.exec(wheel.requirement)![0], wheel));
    }
  }

  const beside = partial(site);
  const files: FileRecord[] = [];
  await timed(log, 'unpacking libraries and headers', async () => {
    for (const wheel of wheels) {
      try {
        files.push(...(await extractWheel(wheel, beside, wanted)));
      } catch (error) {
        // A damaged wheel is fetched again next time.
        if (!/space/.test((error as Error).message)) rmSync(wheel, {force: true});
        throw error;
      }
    }
  });
  const libraries = files.filter(({file}) => /\.so[.\d]*$/.test(file) || file.endsWith('/c_api.h'));
  if (!files.some(({file}) => file === 'tensorflow/libtensorflow_cc.so.2')) {
    throw new SetupError(`${spec.requirement} has no libtensorflow_cc.so.2 in it.`);
  }
  rmSync(site, {recursive: true, force: true});
  renameSync(beside, site);
  recordStage(
    folder,
    SITE_STAGE,
    libraries.map((file) => ({...file, file: path.join('site', file.file)})),
  );
  rmSync(path.join(folder, 'wheels'), {recursive: true, force: true});
}

/** Libraries and headers of TensorFlow; CUDA's wheels but for their static libraries. */
function wanted(name: string): boolean {
  return (
    /^tensorflow\/(libtensorflow_\w+\.so\.2$|include\/)/.test(name) ||
    (name.startsWith('nvidia/') && !name.endsWith('.a'))
  );
}
