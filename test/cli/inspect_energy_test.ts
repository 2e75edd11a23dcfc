import {rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {runCli} from './support/run_cli.js';
import {TINY, tinyFolder} from './support/tiny_run.js';

/** The part of the output that is JSON. */
interface Energy {
  cuts: Array<{
    name: string;
    width: number;
    tokens: number;
    plain: {ranks: Array<{rank: number}>; kept: Array<{rank: number}>; spectrum: number[]};
    anchored: {ranks: Array<{rank: number}>};
    own: {rank: number; capturedEnergy: number; restored: number; angles: number[]} | null;
  }>;
}

describe('inspect --energy', () => {
  let folder: string;
  const inspect = (...args: string[]) =>
    runCli(['inspect', 'runs/tiny', '--energy', '--backend', 'cpu', ...args], folder);

  beforeAll(async () => {
    folder = await tinyFolder();
    const here = ['--backend', 'cpu', '--stages', '2', '--processes', '1', '--steps', '2'];
    const {code, output} = await runCli(['train', '--name', 'tiny', ...TINY, ...here], folder);
    expect(code).withContext(output).toBe(0);
  });
  afterAll(() => rm(folder, {recursive: true}));

  it('measures each layer end, and the boundaries among them', async () => {
    const {code, output} = await inspect('--text', 'text.txt', '--tokens', '256', '--json');
    expect(code).withContext(output).toBe(0);
    const {cuts} = JSON.parse(output.slice(output.indexOf('{'))) as Energy;
    expect(cuts.map(({name}) => name)).toEqual([
      'model.layers.0',
      'model.layers.1, at mapl.boundaries.0',
      'model.layers.2',
      'model.layers.3',
    ]);
    for (const {width, tokens, plain, own} of cuts) {
      expect([width, tokens, plain.spectrum.length]).toEqual([16, 128, 16]);
      expect(plain.kept.map(({rank}) => rank)).toEqual([8, 4, 2, 1]);
      const ranks = plain.ranks.map(({rank}) => rank);
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      if (own == null) continue;
      expect(own.rank).toBe(4);
      expect(own.capturedEnergy).toBeGreaterThan(0);
      expect(own.capturedEnergy).toBeLessThan(1);
      expect(own.angles).toEqual([]);
    }
  });

  it('asks for more text where there is too little', async () => {
    await writeFile(
      path.join(folder, 'short.txt'),
      'A white whale rose before them, and all the men.',
    );
    const {code, output} = await inspect('--text', 'short.txt');
    expect(code).toBe(1);
    expect(output).toMatch(/text has \d+ tokens/);
  });

  it('measures the cuts of a split, in a table', async () => {
    const {code, output} = await inspect('--text', 'text.txt', '--stages', '2', '--tokens', '64');
    expect(code).withContext(output).toBe(0);
    expect(output).toContain('activations of 32 tokens (context');
    expect(output).toContain('Only 32 tokens for 16 dimensions');
    expect(output).toContain('Rank for 90 %');
    expect(output).toContain('mapl.boundaries.0');
    expect(output).not.toContain('model.layers.2');
  });
});
