/** Which stages of a setup are finished: a JSON file in the folder they fill, rewritten atomically. */
import {createHash} from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {pipeline} from 'node:stream/promises';

/** A file that a stage has made. */
export interface FileRecord {
  /** Relative to the folder of the state. */
  file: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

/** Files by stage. */
export type SetupState = Record<string, FileRecord[]>;

const STATE = 'state.json';

/** The state in `folder`; empty where there is none or where it cannot be read. */
export function readState(folder: string): SetupState {
  try {
    return JSON.parse(readFileSync(path.join(folder, STATE), 'utf8')) as SetupState;
  } catch {
    return {};
  }
}

/** Records that `stage` has made `files`. */
export function recordStage(folder: string, stage: string, files: FileRecord[]): void {
  writeAtomically(
    path.join(folder, STATE),
    JSON.stringify({...readState(folder), [stage]: files}, null, 2),
  );
}

/**
 * Whether `stage` has been finished and what it made is still there in full length.
 *
 * @param verify also compare the checksums (reads every file)
 */
export async function stageDone(folder: string, stage: string, verify = false): Promise<boolean> {
  const files = readState(folder)[stage];
  if (files == null || files.length === 0) return false;
  for (const {file, bytes, sha256} of files) {
    const full = path.join(folder, file);
    const stat = statSync(full, {throwIfNoEntry: false});
    if (stat == null || stat.size !== bytes) return false;
    if (verify && (await sha256File(full)) !== sha256) return false;
  }
  return true;
}

/** Describes a finished file for {@link recordStage}. */
export async function describeFile(folder: string, file: string): Promise<FileRecord> {
  const full = path.join(folder, file);
  return {file, bytes: statSync(full).size, sha256: await sha256File(full)};
}

/** SHA-256 of a file, hexadecimal. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** SHA-256 over several texts, hexadecimal. */
export function sha256Texts(texts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex');
}

/** Writes beside and renames: a reader sees the old contents or the new. */
export function writeAtomically(file: string, content: string): void {
  mkdirSync(path.dirname(file), {recursive: true});
  const beside = partial(file);
  writeFileSync(beside, content);
  renameSync(beside, file);
}

/** Name beside `target` for something unfinished. */
export function partial(target: string): string {
  return `${target}.partial-${process.pid}`;
}

/** Deletes what interrupted setups have left in `folder`. */
export function removePartials(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.includes('.partial-')) rmSync(path.join(folder, name), {recursive: true, force: true});
  }
}
