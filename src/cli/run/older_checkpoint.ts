import {stat} from 'node:fs/promises';
import path from 'node:path';
import {fileSource, SafetensorsReader} from '../../io/index.js';
import {listCheckpoints, type CheckpointEntry} from '../../pipeline/checkpoint.js';
import {readState} from '../../pipeline/read_checkpoint.js';

/**
 * Why a checkpoint cannot be whole, or null: its state, the sizes of all files that were written, and the headers of those with
 * tensors. Values are not read.
 */
async function faultOf(folder: string): Promise<string | null> {
  try {
    const {files} = await readState(folder);
    for (const [name, bytes] of Object.entries(files)) {
      const file = path.join(folder, name);
      const size = await stat(file).then(
        (stats) => stats.size,
        () => null,
      );
      if (size !== bytes) {
        return `${file} ${size == null ? 'is missing' : `has ${size} bytes`}, expected ${bytes} bytes`;
      }
      if (name.endsWith('.safetensors')) {
        const source = await fileSource(file);
        await SafetensorsReader.open(source).finally(() => source.close());
      }
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * What to say when stages did not come up from the last checkpoint: where that is the checkpoint's fault, also which older one
 * is whole, and how to go on from it.
 *
 * @param error Why they did not come up.
 * @param root Folder of the run's checkpoints.
 * @param newest The checkpoint they were to go on from.
 * @return `error`, or an error that says more.
 */
export async function withOlderCheckpoint(
  error: unknown,
  root: string,
  newest: CheckpointEntry,
): Promise<unknown> {
  const message = error instanceof Error ? error.message : String(error);
  const fault = await faultOf(newest.folder);
  if (fault == null) return error;
  const older = (await listCheckpoints(root)).filter(({step}) => step < newest.step).reverse();
  const said = message.includes(newest.folder) ? message : `${message} ${fault}.`;
  for (const {folder, step} of older) {
    if ((await faultOf(folder)) == null) {
      return new Error(
        `${said}\nThe last checkpoint is damaged, the one before it is whole: ${folder}. Move ${newest.folder} out of ` +
          `the way, and --resume goes on after step ${step}.`,
        {cause: error},
      );
    }
  }
  return new Error(
    `${said}\nThe last checkpoint is damaged, and there is no older one that is whole: --force starts the run again.`,
    {cause: error},
  );
}
