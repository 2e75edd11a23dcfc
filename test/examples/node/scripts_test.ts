/** The scripts of examples/node, as their first lines say to run them, with fewer steps; their printed results. */
import {execFile} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

const root = path.resolve(import.meta.dirname, '../../..');
const folder = path.join(root, 'examples', 'node');

/** What a script prints; an error has it too. */
async function run(name: string, ...args: string[]): Promise<string> {
  const file = path.join(folder, `${name}.js`);
  const {stdout} = await promisify(execFile)(process.execPath, [file, ...args], {cwd: root});
  return stdout;
}

/** The numbers in the line that has `words`. */
function numbers(output: string, words: string): number[] {
  const line = output.split('\n').find((text) => text.includes(words)) ?? '';
  expect(line).withContext(output).not.toBe('');
  return [...line.matchAll(/-?\d+(\.\d+)?(e[+-]?\d+)?/g)].map(([text]) => Number(text));
}

describe('examples/node', () => {
  it('a boundary in a model that is no LLaMA', async () => {
    const output = await run('boundary_in_your_model', '--epochs', '3');
    const [first, last] = numbers(output, 'loss:');
    expect(last).toBeLessThan(first / 2);
    expect(numbers(output, 'accuracy by epoch').at(-1)).toBeGreaterThan(90);
    expect(numbers(output, '‖AᵀA − I‖')[0]).toBeLessThan(1e-5);
  });

  it('principal components on the Stiefel manifold', async () => {
    const output = await run('stiefel_pca', '--steps', '150', '--rank', '3');
    expect(numbers(output, 'variance captured')[0]).toBeGreaterThan(99.9);
    expect(numbers(output, 'largest angle')[0]).toBeLessThan(2);
    expect(output).toContain('orthonormal: yes');
  });

  it('a layer that stays orthogonal, and one that does not', async () => {
    const output = await run('orthogonal_layer', '--epochs', '4');
    const [first, last, error] = numbers(output, 'stiefel:');
    expect(last).toBeLessThan(first);
    expect(error).toBeLessThan(1e-5);
    expect(numbers(output, 'adamw:')[2]).toBeGreaterThan(0.01);
  });

  it('fine-tuning a Hugging Face folder in two stages, saved as one', async () => {
    const out = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-tuned-'));
    const output = await run('fine_tune_llama', '--steps', '5', '--out', out);
    const [before, after] = numbers(output, 'loss on the beginning');
    expect(after).toBeLessThan(before - 0.3);
    expect(numbers(output, 'when loaded again').at(-1)).toBe(after);
    expect(readdirSync(out)).toContain('model.safetensors');
    rmSync(out, {recursive: true});
  });

  it('training on WebGPU in Node', async () => {
    const small = ['--steps', '2', '--width', '16', '--layers', '2', '--batch', '2', '--time', '8'];
    const error = (reason: {stderr: string}) => reason.stderr;
    const output = await run('webgpu_in_node', ...small).catch(error);
    if (output.includes("backend 'webgpu' does not work here:")) {
      pending(output.trim());
    }
    const first = numbers(output, 'step 1: loss')[1];
    const second = numbers(output, 'step 2: loss')[1];
    expect(first).withContext('about ln 64').toBeCloseTo(Math.log(64), 0);
    expect(second).toBeLessThan(first);
  });

  it('says which option is wrong, and which examples there are', async () => {
    const message = (reason: {stderr: string}) => reason.stderr;
    const wrong = await run('stiefel_pca', '--steps', 'many').catch(message);
    expect(wrong).toContain('--steps is many, expected a positive integer.');
    const script = path.join(root, 'scripts', 'example_node.mjs');
    const list = await promisify(execFile)(process.execPath, [script]).catch(message);
    expect(list).toContain('stiefel_pca');
    expect(list).not.toContain('common');
  });
});
