/** A folder of files, on disk (Node) or behind a URL. */
import {type ByteSource, fileSource, urlSource} from './byte_source.js';

/** Reads files of one folder by name. */
export interface Folder {
  /** Path or URL, for messages. */
  readonly label: string;
  /** Where a file of this folder is, for messages. */
  pathOf(name: string): string;
  /** The text of a file, or null if there is no such file. */
  text(name: string): Promise<string | null>;
  /** Opens a file; an error if there is none. */
  open(name: string): Promise<ByteSource>;
}

/**
 * Opens a folder.
 *
 * @param pathOrUrl In Node a path, a `file:` URL, or an http(s) URL; in a browser any URL, relative ones too.
 * @throws Error if it is no text, or an empty one.
 */
export function openFolder(pathOrUrl: string): Folder {
  if (typeof pathOrUrl !== 'string' || pathOrUrl === '') {
    throw new Error(
      `The folder is ${pathOrUrl === '' ? 'an empty text' : String(pathOrUrl)}, expected its path or URL.`,
    );
  }
  const inNode = typeof process !== 'undefined' && process.versions?.node != null;
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(pathOrUrl) && !/^file:/i.test(pathOrUrl);
  return inNode && !isUrl ? diskFolder(pathOrUrl) : urlFolder(pathOrUrl);
}

function diskFolder(given: string): Folder {
  const root = /^file:/i.test(given) ? pathOfFileUrl(given) : given;
  const pathOf = (name: string) => `${root.replace(/[/\\]+$/, '')}/${name}`;
  return {
    label: root,
    pathOf,
    text: async (name) => {
      const {readFile} = await import('node:fs/promises');
      return readFile(pathOf(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
          return null;
        }
        throw new Error(`${pathOf(name)} can't be read: ${error.message}.`);
      });
    },
    open: (name) => fileSource(pathOf(name)),
  };
}

function urlFolder(url: string): Folder {
  const pathOf = (name: string) => `${url.replace(/\/+$/, '')}/${name}`;
  return {
    label: url,
    pathOf,
    text: async (name) => {
      const response = await fetch(pathOf(name)).catch((error: Error) => {
        throw new Error(`${pathOf(name)} can't be fetched: ${error.message}.`);
      });
      if (response.status === 404) {
        return null;
      }
      if (!response.ok) {
        throw new Error(
          `${pathOf(name)} can't be fetched: HTTP ${response.status} ${response.statusText}.`,
        );
      }
      return response.text();
    },
    open: (name) => urlSource(pathOf(name)),
  };
}

/** What `fileURLToPath` of node:url does for local files, without the import. */
function pathOfFileUrl(url: string): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return /^\/[a-z]:\//i.test(path) ? path.slice(1) : path;
}
