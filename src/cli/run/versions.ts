import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {packageRoot} from '../../data/package_root.js';

/**
 * Versions that matter for repeating a run.
 *
 * @param backend What the backend says of itself.
 */
export async function versions(backend: string): Promise<Record<string, string>> {
  const root = await packageRoot();
  const read = (file: string) =>
    (JSON.parse(readFileSync(file, 'utf8')) as {version: string}).version;
  const require = createRequire(import.meta.url);
  return {
    'tfjs-mapl': read(path.join(root, 'package.json')),
    tfjs: read(require.resolve('@tensorflow/tfjs-core/package.json')),
    node: process.versions.node,
    backend,
    platform: `${process.platform} ${process.arch}`,
  };
}
