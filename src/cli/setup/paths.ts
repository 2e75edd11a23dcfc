/** Where setup finds and puts things. */
import {existsSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {TENSORFLOW_VERSION, type Variant} from './versions.js';

/** `TFJS_MAPL_CACHE`, or the user's cache folder. Libraries and headers live there, shared by all projects. */
export function cacheFolder(env: Record<string, string | undefined> = process.env): string {
  if (env.TFJS_MAPL_CACHE) return path.resolve(env.TFJS_MAPL_CACHE);
  const base = env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  return path.join(base, 'tfjs-mapl');
}

/** Folder of one TensorFlow in the cache. */
export function tensorflowFolder(cache: string, variant: Variant): string {
  const platform = `${process.platform}-${process.arch}`;
  return path.join(cache, `tensorflow-${TENSORFLOW_VERSION}-${variant}-${platform}`);
}

/** Folder of this package, whether it runs from `src` or from `dist`. */
export function packageRoot(): string {
  for (let folder = path.dirname(fileURLToPath(import.meta.url)); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest)) {
      const {name} = JSON.parse(readFileSync(manifest, 'utf8')) as {name?: string};
      if (name === 'tfjs-mapl') return folder;
    }
    if (folder === path.dirname(folder))
      throw new Error('The package.json of tfjs-mapl is missing.');
  }
}

/** Folder in which `npm install` puts what this package should find: the project that uses it, or itself. */
export function projectFolder(root: string = packageRoot()): string {
  const parent = path.dirname(root);
  return path.basename(parent) === 'node_modules' ? path.dirname(parent) : root;
}

/** Headers of Node-API. */
export function nodeApiHeaders(): string {
  const require = createRequire(import.meta.url);
  return path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
}
