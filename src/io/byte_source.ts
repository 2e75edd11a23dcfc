/** Random access to the bytes of one file, in memory, on disk (Node) or behind a URL. */
import {checkBytes} from '../ops/check_values.js';

/** A file that is read in pieces. */
export interface ByteSource {
  /** What the file is called in messages: a path or URL. */
  readonly label: string;
  /** Bytes in the file. */
  readonly size: number;
  /** Bytes `start` (inclusive) to `end` (exclusive). The result may share memory with others: don't write to it. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Lets go of the file; reading afterwards is an error. */
  close(): Promise<void>;
}

/** A file that is in memory already. */
export function memorySource(bytes: Uint8Array, label = 'buffer'): ByteSource {
  checkBytes('memorySource', 'bytes', bytes);
  return {
    label,
    size: bytes.byteLength,
    read: async (start, end) => bytes.subarray(start, end),
    close: async () => undefined,
  };
}

/** A file on disk (Node only). */
export async function fileSource(path: string): Promise<ByteSource> {
  const {open} = await import('node:fs/promises');
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `${path} can't be opened: ${error.code === 'ENOENT' ? 'no such file' : error.message}.`,
    );
  });
  const {size} = await handle.stat();
  return {
    label: path,
    size,
    read: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) {
        const {bytesRead} = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) {
          throw new Error(
            `${path} ended at byte ${start + done}, expected ${end}: it is truncated.`,
          );
        }
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** A file behind a URL, fetched whole: servers need not know range requests. */
export async function urlSource(url: string): Promise<ByteSource> {
  const response = await fetch(url).catch((error: Error) => {
    throw new Error(`${url} can't be fetched: ${error.message}.`);
  });
  if (!response.ok) {
    throw new Error(`${url} can't be fetched: HTTP ${response.status} ${response.statusText}.`);
  }
  return memorySource(new Uint8Array(await response.arrayBuffer()), url);
}
