/** Which checkpoints there are (Node only). A folder counts once it has been renamed to its place. */

import {checkInteger} from '../ops/check_values.js';
import {checkFolder} from './check_arguments.js';

/** The file that is written last; a folder without it is no checkpoint. */
export const STATE_FILE = 'trainer_state.json';

/** Raised when a checkpoint of an older release can no longer be read. */
export const CHECKPOINT_FORMAT = 1;

const NAME = /^step-(\d+)$/;
const TEMPORARY = /^step-\d+\.(tmp|old)-/;

/** A checkpoint on disk. */
export interface CheckpointEntry {
  /** Steps that were done when it was written. */
  step: number;
  folder: string;
}

/** Folder name of the checkpoint after `step` steps: `step-000100`. */
export function checkpointName(step: number): string {
  checkInteger('checkpointName', 'step', step, 0);
  return `step-${String(step).padStart(6, '0')}`;
}

/** Complete checkpoints in a folder, oldest first; half-written ones are not listed. An absent folder has none. */
export async function listCheckpoints(root: string): Promise<CheckpointEntry[]> {
  checkFolder('listCheckpoints', 'root', root);
  const {access, readdir} = await import('node:fs/promises');
  const path = await import('node:path');
  const names = await readdir(root).catch(() => []);
  const found: CheckpointEntry[] = [];
  for (const name of names) {
    const match = NAME.exec(name);
    const folder = path.join(root, name);
    const complete = await access(path.join(folder, STATE_FILE)).then(
      () => true,
      () => false,
    );
    if (match != null && complete) {
      found.push({step: Number(match[1]), folder});
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

/** The complete checkpoint with the most steps, or null. */
export async function latestCheckpoint(root: string): Promise<CheckpointEntry | null> {
  checkFolder('latestCheckpoint', 'root', root);
  return (await listCheckpoints(root)).at(-1) ?? null;
}

/** Removes all complete checkpoints but the last `keep`, and what interrupted writes have left. */
export async function pruneCheckpoints(root: string, keep: number): Promise<void> {
  checkInteger('pruneCheckpoints', 'keep', keep, 1);
  checkFolder('pruneCheckpoints', 'root', root);
  const {readdir, rm} = await import('node:fs/promises');
  const path = await import('node:path');
  const old = (await listCheckpoints(root)).slice(0, -keep).map(({folder}) => folder);
  const left = (await readdir(root)).filter((name) => TEMPORARY.test(name));
  for (const folder of [...old, ...left.map((name) => path.join(root, name))]) {
    await rm(folder, {recursive: true, force: true});
  }
}
