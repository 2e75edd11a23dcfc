import {inNode} from '../../src/backends/backend.js';
import {openFolder, SafetensorsReader, writeAtomically, writeFolder} from '../../src/io/index.js';
import {fixturePath} from '../support/fixture_path.js';

async function temporaryFolder(): Promise<string> {
  const {mkdtemp} = await import('node:fs/promises');
  const {tmpdir} = await import('node:os');
  return mkdtemp(`${tmpdir()}/mapl-io-`);
}

async function names(folder: string): Promise<string[]> {
  const {readdir} = await import('node:fs/promises');
  return (await readdir(folder)).sort();
}

describe('openFolder', () => {
  it('reads files of a folder by path or URL', async () => {
    const folder = openFolder(fixturePath('llama'));
    const config = JSON.parse((await folder.text('config.json')) as string) as {model_type: string};
    expect(config.model_type).toBe('llama');
    const source = await folder.open('model.safetensors');
    const reader = await SafetensorsReader.open(source);
    expect(reader.entry('model.norm.weight').shape).toEqual([64]);
    expect((await reader.float32('model.norm.weight')).length).toBe(64);
    await reader.close();
  });

  it('refuses what is no path', () => {
    expect(() => openFolder('')).toThrowError(/The folder is an empty text, expected its path/);
    expect(() => openFolder(undefined as unknown as string)).toThrowError(
      /The folder is undefined, expected its path/,
    );
  });

  it('tells a missing file from an unreadable one', async () => {
    const folder = openFolder(fixturePath('llama'));
    expect(await folder.text('nothing.json')).toBeNull();
    await expectAsync(folder.open('nothing.bin')).toBeRejectedWithError(
      /nothing\.bin can't be (opened: no such file|fetched: HTTP 404)/,
    );
  });
});

// The rest writes to disk, which browsers can't.
if (inNode()) {
  describe('files on disk', () => {
    it('are read over http and as file: URLs', async () => {
      const {createServer} = await import('node:http');
      const {readFile} = await import('node:fs/promises');
      const server = createServer((request, response) => {
        readFile(fixturePath('llama') + request.url).then(
          (body) => response.end(body),
          () => response.writeHead(404).end(),
        );
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const {port} = server.address() as {port: number};
      const remote = openFolder(`http://127.0.0.1:${port}/`);
      const local = openFolder(`file://${fixturePath('llama')}`);
      expect(await remote.text('config.json')).toBe(await local.text('config.json'));
      expect(await remote.text('nothing.json')).toBeNull();
      await expectAsync(remote.open('nothing.bin')).toBeRejectedWithError(/HTTP 404/);
      server.close();
      server.closeAllConnections();
    });

    it('are replaced whole', async () => {
      const folder = await temporaryFolder();
      const path = `${folder}/f.txt`;
      await writeAtomically(path, ['one ', new TextEncoder().encode('two')]);
      const {readFile, rm} = await import('node:fs/promises');
      expect(await readFile(path, 'utf8')).toBe('one two');
      const failing = function* () {
        yield 'half';
        throw new Error('power cut');
      };
      await expectAsync(writeAtomically(path, failing())).toBeRejectedWithError(
        /f\.txt can't be written: power cut/,
      );
      expect(await readFile(path, 'utf8')).toBe('one two');
      expect(await names(folder)).toEqual(['f.txt']);
      await rm(folder, {recursive: true});
    });

    it('of a folder are put in place together', async () => {
      const folder = await temporaryFolder();
      const {readFile, rm} = await import('node:fs/promises');
      await writeFolder(
        `${folder}/new`,
        new Map([
          ['a', ['1']],
          ['old', ['2']],
        ]),
      );
      const failing = function* (): Generator<string> {
        throw new Error('disk full');
      };
      const bad = new Map<string, Iterable<string>>([
        ['a', ['9']],
        ['b', failing()],
      ]);
      await expectAsync(writeFolder(`${folder}/new`, bad)).toBeRejectedWithError(/disk full/);
      expect(await readFile(`${folder}/new/a`, 'utf8')).toBe('1');
      await writeFolder(`${folder}/new`, new Map([['b', ['3']]]), (name) => name === 'old');
      expect(await names(`${folder}/new`)).toEqual(['a', 'b']);
      await rm(folder, {recursive: true});
    });
  });
}
