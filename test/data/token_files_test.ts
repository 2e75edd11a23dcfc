import {mkdtemp, readdir, readFile, rm, truncate, writeFile, mkdir} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {prepareTokens} from '../../src/data/token_cache.js';
import {readTokenFile, writeTokenFile} from '../../src/data/token_file.js';
import {textFiles} from '../../src/data/text_files.js';
import {loadTokenizer} from '../../src/data/tokenizer.js';

describe('token files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mapl-data-'));
  });
  afterEach(async () => {
    await rm(folder, {recursive: true});
  });

  it('give back what was written, in 2 or 4 bytes a token', async () => {
    const file = join(folder, 'a', 'x.tokens');
    await writeTokenFile(file, Uint16Array.of(0, 1, 65535), 65536);
    expect(await readTokenFile(file)).toEqual({
      tokens: Uint16Array.of(0, 1, 65535),
      vocabSize: 65536,
    });
    await writeTokenFile(file, Uint32Array.of(70000, 5), 128256);
    expect(await readTokenFile(file)).toEqual({
      tokens: Uint32Array.of(70000, 5),
      vocabSize: 128256,
    });
    expect(await readdir(join(folder, 'a'))).toEqual(['x.tokens']);
  });

  it('are refused when truncated or of another kind', async () => {
    const file = join(folder, 'x.tokens');
    await writeTokenFile(file, Uint16Array.of(1, 2, 3), 10);
    await truncate(file, 28);
    await expectAsync(readTokenFile(file)).toBeRejectedWithError(
      /has 28 bytes.*says 30.*delete it/s,
    );
    await writeFile(file, 'hello');
    await expectAsync(readTokenFile(file)).toBeRejectedWithError(/is not a token file/);
  });

  it('are made once, and again when text, tokenizer or split change', async () => {
    const tokenizer = await loadTokenizer('assets/tokenizer');
    const documents = Array.from({length: 40}, (_, i) => ({
      name: `d${i}`,
      text: `Text ${i}. `.repeat(20),
    }));
    const shares = {validation: 0.1, test: 0.1};
    const first = await prepareTokens({documents, tokenizer, shares, folder});
    const second = await prepareTokens({documents, tokenizer, shares, folder});
    expect(first.cached).toBeFalse();
    expect(second.cached).toBeTrue();
    expect(second.tokens).toEqual(first.tokens);
    expect(second.hash).toBe(first.hash);
    const text = tokenizer.decode(first.tokens.train);
    expect(text.split('<|endoftext|>')[0]).toMatch(/^(Text \d+\. ){20}$/);

    const other = [...documents.slice(1), {name: 'd0', text: 'Other text.'}];
    for (const change of [{documents: other}, {seed: 1}, {shares: {validation: 0.2, test: 0.1}}]) {
      const third = await prepareTokens({documents, tokenizer, shares, folder, ...change});
      expect(third.cached).toBeFalse();
      expect(third.hash).not.toBe(first.hash);
    }
  });

  it('are made again when the cached one is damaged', async () => {
    const tokenizer = await loadTokenizer('assets/tokenizer');
    const documents = [{name: 'a', text: 'Some words. '.repeat(200)}];
    const args = {documents, tokenizer, shares: {validation: 0.1, test: 0.1}, folder};
    const first = await prepareTokens(args);
    await truncate(first.files.train, 100);
    const second = await prepareTokens(args);
    expect(second.cached).toBeFalse();
    expect(second.tokens.train).toEqual(first.tokens.train);
    expect((await readFile(first.files.train)).length).toBeGreaterThan(100);
  });
});

describe('textFiles', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mapl-text-'));
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'b.txt'), 'second');
    await writeFile(join(folder, 'a.txt'), 'first\r\nline');
    await writeFile(join(folder, 'sub', 'c.md'), 'third');
    await writeFile(join(folder, 'image.png'), Uint8Array.of(0x89, 0xff));
  });
  afterEach(async () => {
    await rm(folder, {recursive: true});
  });

  it('reads files, folders and patterns, sorted', async () => {
    const texts = async (...sources: string[]) => (await textFiles(sources)).map(({text}) => text);
    expect(await texts(folder)).toEqual(['first\nline', 'second', 'third']);
    expect(await texts(`${folder}/*.txt`)).toEqual(['first\nline', 'second']);
    expect(await texts(join(folder, 'b.txt'), folder)).toEqual(['first\nline', 'second', 'third']);
  });

  it('names what is missing, empty or not UTF-8', async () => {
    await expectAsync(textFiles([join(folder, 'none.txt')])).toBeRejectedWithError(
      /There is no file or folder '.*none\.txt'/,
    );
    await expectAsync(textFiles([`${folder}/*.doc`])).toBeRejectedWithError(/No file matches/);
    await mkdir(join(folder, 'empty'));
    await expectAsync(textFiles([join(folder, 'empty')])).toBeRejectedWithError(
      /has no text files/,
    );
    await writeFile(join(folder, 'blank.txt'), ' \n\n');
    await expectAsync(textFiles([join(folder, 'blank.txt')])).toBeRejectedWithError(
      /text is empty/,
    );
    const latin1 = Buffer.from('caf\xe9 noir', 'latin1');
    await writeFile(join(folder, 'latin.txt'), latin1);
    await expectAsync(textFiles([join(folder, 'latin.txt')])).toBeRejectedWithError(
      /latin\.txt' is not UTF-8 text \(invalid near byte 4\)/,
    );
  });
});
