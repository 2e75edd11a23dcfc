import {mkdtemp, readFile, readdir, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';

/** Settings of a run that takes seconds on any backend. */
export const TINY = [
  ...['--hidden-size', '16', '--intermediate-size', '24', '--layers', '4', '--heads', '2'],
  ...['--max-context', '16', '--context', '16', '--batch-size', '4', '--microbatches', '4'],
  ...['--rank', '4', '--text', 'text.txt', '--log-every', '1', '--validation-batches', '1'],
  ...['--threads', '1'],
];

/** A folder with a text in it, for runs. */
export async function tinyFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mapl-cli-'));
  const words =
    'the sea was calm and all the men were silent while a white whale rose before them'.split(' ');
  const lines = Array.from({length: 240}, (_, i) =>
    Array.from({length: 12}, (_, j) => words[(i * 7 + j * (1 + (i % 5))) % words.length]).join(' '),
  );
  await writeFile(path.join(folder, 'text.txt'), lines.join('.\n\n'));
  return folder;
}

/** Bytes of all weights and optimizer states of a checkpoint, by file. */
export async function tensorsOf(checkpoint: string): Promise<Record<string, string>> {
  const names = (await readdir(checkpoint)).filter((name) => name.endsWith('.safetensors'));
  const files = names.sort().map(async (name) => {
    const bytes = await readFile(path.join(checkpoint, name));
    return [name, bytes.toString('base64')] as const;
  });
  return Object.fromEntries(await Promise.all(files));
}

/** What every step came to: everything in its record but times. */
export async function stepsOf(run: string): Promise<unknown[]> {
  const lines = (await readFile(path.join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({kind}) => kind === 'step')
    .map(({step, loss, gradientNorm, rate, forwardBytes, backwardBytes}) => {
      return {step, loss, gradientNorm, rate, forwardBytes, backwardBytes};
    });
}
