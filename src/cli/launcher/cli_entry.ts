import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {packageRoot} from '../../data/package_root.js';

/** How to start this program again as a child. */
export interface CliEntry {
  /** JavaScript or TypeScript file. */
  file: string;
  /** Arguments for Node before the file. */
  execArgv: string[];
}

/**
 * The file that child processes run: the bundle this code was loaded from, or the source's `main.ts` under
 * `tsx` when it was loaded from source (tests, development).
 */
export async function cliEntry(): Promise<CliEntry> {
  const here = fileURLToPath(import.meta.url);
  if (path.basename(here) === 'cli.js') return {file: here, execArgv: []};
  const root = await packageRoot();
  // By its path: the child may run in any folder.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return {file: path.join(root, 'src', 'cli', 'main.ts'), execArgv: ['--import', tsx]};
}
