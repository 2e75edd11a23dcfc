/**
 * Where encoded text and fetched corpora are kept between runs: `TFJS_MAPL_CACHE` if set, else
 * `tfjs-mapl` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`, `%LOCALAPPDATA%`).
 */
export async function cacheFolder(): Promise<string> {
  const path = await import('node:path');
  const os = await import('node:os');
  const env = process.env;
  if (env.TFJS_MAPL_CACHE) return path.resolve(env.TFJS_MAPL_CACHE);
  const base =
    env.XDG_CACHE_HOME ||
    (process.platform === 'win32' && env.LOCALAPPDATA) ||
    path.join(os.homedir(), '.cache');
  return path.join(base, 'tfjs-mapl');
}

/**
 * Writes a file beside its final place and renames it: a reader sees the whole file or none, and two
 * processes writing the same one do no harm.
 *
 * @param file Final path; missing folders are made.
 * @param data What to write.
 */
export async function writeFileAtomic(file: string, data: Uint8Array | string): Promise<void> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  await fs.mkdir(path.dirname(file), {recursive: true});
  const beside = `${file}.${process.pid}.${Date.now().toString(36)}.tmp`;
  try {
    const handle = await fs.open(beside, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(beside, file);
  } catch (error) {
    await fs.rm(beside, {force: true});
    throw error;
  }
}
