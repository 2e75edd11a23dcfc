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
  const {open, rename, rm} = await import('node:fs/promises');
  const temporary = `${path}.${process.pid}.tmp`;
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
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, {force: true});
    throw new Error(`${path} can't be written: ${(error as Error).message}.`);
  }
}
