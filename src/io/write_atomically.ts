/** Files that are there whole or not at all (Node only). */

/**
 * Writes a file beside its place, flushes it to disk and renames it there, so that a reader, or whoever comes after a
 * crash, finds the old file or the new one and never a part.
 *
 * @param path Where the file goes; its folder must exist.
 * @param pieces The content, in order.
 */
export async function writeAtomically(
  path: string,
  pieces: Iterable<Uint8Array | string>,
): Promise<void> {
  const commit = await stage(path, pieces);
  await commit();
}

/**
 * Writes several files of one folder beside their places, and renames them only when all are complete, in the order given.
 *
 * @param folder Made if it does not exist.
 * @param files Content by file name; the last one should be the one that readers look at first.
 * @param isStale Files of the folder for which this holds and that are not in `files` are removed at the end.
 */
export async function writeFolder(
  folder: string,
  files: Map<string, Iterable<Uint8Array | string>>,
  isStale: (name: string) => boolean = () => false,
): Promise<void> {
  const {mkdir, readdir, rm} = await import('node:fs/promises');
  const path = await import('node:path');
  await mkdir(folder, {recursive: true}).catch((error: Error) => {
    throw new Error(`${folder} can't be made: ${error.message}.`);
  });
  const staged: Stage[] = [];
  try {
    for (const [name, pieces] of files) {
      staged.push(await stage(path.join(folder, name), pieces));
    }
  } catch (error) {
    await Promise.all(staged.map((commit) => commit.discard()));
    throw error;
  }
  for (const commit of staged) {
    await commit();
  }
  for (const name of await readdir(folder)) {
    if (isStale(name) && !files.has(name)) {
      await rm(path.join(folder, name));
    }
  }
}

/** Puts a file that has been written in its place, or removes it. */
interface Stage {
  (): Promise<void>;
  discard(): Promise<void>;
}

async function stage(path: string, pieces: Iterable<Uint8Array | string>): Promise<Stage> {
  const {open, rename, rm} = await import('node:fs/promises');
  const temporary = `${path}.${process.pid}.tmp`;
  const failed = async (error: unknown): Promise<never> => {
    await rm(temporary, {force: true});
    throw new Error(`${path} can't be written: ${(error as Error).message}.`);
  };
  try {
    const handle = await open(temporary, 'w');
    try {
      for (const piece of pieces) {
        await handle.appendFile(piece);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    return failed(error);
  }
  const commit = () => rename(temporary, path).catch(failed);
  return Object.assign(commit, {discard: () => rm(temporary, {force: true})});
}
