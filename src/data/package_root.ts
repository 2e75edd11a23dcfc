/**
 * The folder of this package, found by walking up from the running file (`dist/cli.js`, or a source file
 * under a TypeScript loader) to the `package.json` named `tfjs-mapl`.
 *
 * @throws Error when the file was moved out of its package.
 */
export async function packageRoot(): Promise<string> {
  const fs = await import('node:fs/promises');
  const path = await import('node:path');
  const {fileURLToPath} = await import('node:url');
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = path.dirname(folder)) {
    try {
      const text = await fs.readFile(path.join(folder, 'package.json'), 'utf8');
      if ((JSON.parse(text) as {name?: string}).name === 'tfjs-mapl') return folder;
    } catch {
      // No package.json here: go on upwards.
    }
    if (path.dirname(folder) === folder) {
      throw new Error(`No package.json of tfjs-mapl above '${start}': is the installation whole?`);
    }
  }
}
