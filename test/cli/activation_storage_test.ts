import {readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import {runCli} from './support/run_cli.js';
import {TINY, tinyFolder} from './support/tiny_run.js';

describe('train --activation-storage float16', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await tinyFolder();
  });
  afterAll(async () => {
    await rm(folder, {recursive: true});
  });

  it('computes the same loss, and gradients from rounded activations', async () => {
    const steps = [];
    for (const storage of ['float32', 'float16']) {
      const flags = ['--backend', 'cpu', '--processes', '1', '--activation-storage', storage];
      const few = ['--steps', '1', '--validate-every', '0', '--checkpoint-every', '0'];
      const {code, output} = await runCli(
        ['train', '--name', storage, ...flags, ...TINY, ...few],
        folder,
      );
      expect(code).withContext(output).toBe(0);
      const file = path.join(folder, 'runs', storage, 'metrics.jsonl');
      const [line] = (await readFile(file, 'utf8')).split('\n');
      steps.push(JSON.parse(line) as {loss: number; gradientNorm: number});
    }
    const [full, half] = steps;
    expect(half.loss).toBe(full.loss);
    const apart = Math.abs(half.gradientNorm / full.gradientNorm - 1);
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(2e-3);
  });
});
