/** One setup at a time per cache: a lock file with a heartbeat. */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {SetupError} from './setup_error.js';

/** A holder that has not touched its lock for so long is gone, wherever it ran. Milliseconds. */
const STALE = 60_000;
const HEARTBEAT = 5_000;

/**
 * Runs `body` while holding the lock `file`. Waits for another holder; takes over from one that has died.
 *
 * @param log told once when there is somebody to wait for
 * @param patience how long to wait at most, milliseconds
 * @throws SetupError if the other holder is still at it after `patience`
 */
export async function withLock<T>(
  file: string,
  body: () => Promise<T>,
  log: (line: string) => void = () => {},
  patience = 30 * 60_000,
): Promise<T> {
  mkdirSync(path.dirname(file), {recursive: true});
  const mine = JSON.stringify({pid: process.pid, host: os.hostname()});
  const start = Date.now();
  for (let told = false; !take(file, mine); told = true) {
    if (Date.now() - start > patience) {
      throw new SetupError(`Another setup holds ${file}. If none is running, delete that file.`);
    }
    if (!told) log(`another setup is running (${file}): waiting for it`);
    await sleep(200);
  }
  const heartbeat = setInterval(() => touch(file), HEARTBEAT);
  heartbeat.unref();
  try {
    return await body();
  } finally {
    clearInterval(heartbeat);
    rmSync(file, {force: true});
  }
}

function take(file: string, content: string): boolean {
  if (isStale(file)) {
    // Renamed first: of two that find the same stale lock only one succeeds.
    const aside = `${file}.stale-${process.pid}`;
    try {
      renameSync(file, aside);
      rmSync(aside, {force: true});
    } catch {
      return false;
    }
  }
  try {
    writeFileSync(file, content, {flag: 'wx'});
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new SetupError(
      `Cannot write ${file} (${(error as Error).message}). Name a folder that can be written in TFJS_MAPL_CACHE.`,
    );
  }
}

function isStale(file: string): boolean {
  try {
    if (Date.now() - statSync(file).mtimeMs > STALE) return true;
    const {pid, host} = JSON.parse(readFileSync(file, 'utf8')) as {pid: number; host: string};
    if (host !== os.hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // The lock was deleted by hand: the work goes on, each stage is put in place atomically anyway.
  }
}
