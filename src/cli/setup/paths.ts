/** Where setup finds and puts things. */
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {packageRoot} from '../../data/package_root.js';
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

/** Folder in which `npm install` puts what this package should find: the project that uses it, or itself. */
export async function projectFolder(): Promise<string> {
  const root = await packageRoot();
  const parent = path.dirname(root);
  return path.basename(parent) === 'node_modules' ? path.dirname(parent) : root;
}

/** Headers of Node-API. */
export function nodeApiHeaders(): string {
  const require = createRequire(import.meta.url);
  return path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
}
