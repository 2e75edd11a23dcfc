import {execFile} from 'node:child_process';
import {readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import {aggregate, spread} from '../../benchmarks/study/aggregate.js';
import {studyMarkdown} from '../../benchmarks/study/markdown.js';
import {exampleRun} from './support/example_run.js';
import {TINY, tinyFolder} from './support/tiny_run.js';

/** A summary with given losses. */
function run(method: 'none' | 'mapl', seed: number, test: number, validation: number) {
  const {summary} = exampleRun(method, 10);
  summary.config.training.seed = seed;
  summary.loss = {...summary.loss, test, validation};
  return summary;
}

describe('study', () => {
  it('gives mean, sample deviation and range', () => {
    // Mean 4; squares 4 + 0 + 4 over 2.
    expect(spread([2, 4, 6])).toEqual({mean: 4, std: 2, min: 2, max: 6, values: [2, 4, 6]});
    expect(spread([3]).std).toBe(0);
  });

  it('compares each run with the baseline of its seed', () => {
    const runs = [
      run('mapl', 1, 4.2, 5),
      run('none', 0, 4, 4),
      run('mapl', 0, 4.04, 4),
      run('none', 1, 4, 5),
    ];
    const [none, mapl] = aggregate(runs);
    expect([none.method, mapl.method]).toEqual(['none', 'mapl']);
    expect(none.deltaPercent).toBeNull();
    // 4.04 and 4.2 against 4: +1 % and +5 %.
    expect(mapl.seeds).toEqual([0, 1]);
    expect(mapl.deltaPercent?.values.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([1, 5]);
    expect(mapl.validationDeltaPercent?.mean).toBeCloseTo(0, 9);
    expect(mapl.capturedEnergy.length).toBe(3);
    const page = studyMarkdown([none, mapl], runs);
    expect(page).toContain('+3.00 % (+1.00 % to +5.00 %)');
    expect(page).toContain('600 steps'.replace('600', String(runs[0].config.training.steps)));
  });

  it('does all runs, skips what is finished, refuses other settings', async () => {
    const folder = await tinyFolder();
    const study = (...flags: string[]) =>
      new Promise<{code: number; output: string}>((resolve) => {
        const main = path.resolve('benchmarks', 'study', 'main.ts');
        const args = [
          '--config',
          path.resolve('configs', 'study.yaml'),
          '--seeds',
          '0',
          '--jobs',
          '2',
        ];
        const places = [
          '--methods',
          'none',
          'mapl',
          '--runs',
          `${folder}/runs`,
          '--out',
          `${folder}/out`,
        ];
        const text = ['--text', path.join(folder, 'text.txt'), '--backend', 'cpu'];
        const settings = [
          ...TINY.filter((_, i) => !['--text'].includes(TINY[i - 1]) && TINY[i] !== '--text'),
        ];
        const all = [...args, ...places, '--', ...settings, ...text, ...flags];
        execFile(
          process.execPath,
          ['--import', 'tsx', main, ...all],
          {env: {...process.env, TFJS_MAPL_CACHE: `${folder}/cache`}},
          (error, stdout, stderr) => resolve({code: error ? 1 : 0, output: stdout + stderr}),
        );
      });
    const first = await study('--steps', '4');
    expect(first.code).withContext(first.output).toBe(0);
    expect(first.output).toContain('mapl-seed0 is done.');
    const json = JSON.parse(await readFile(`${folder}/out/study.json`, 'utf8')) as {
      results: Array<{method: string; test: {mean: number}}>;
    };
    expect(json.results.map(({method}) => method)).toEqual(['none', 'mapl']);
    expect(json.results[1].test.mean).toBeGreaterThan(0);
    const again = await study('--steps', '4');
    expect(again.output).toContain('2 of 2 runs were finished before');
    const other = await study('--steps', '5');
    expect(other.code).toBe(1);
    expect(other.output).toMatch(/begun with training\.steps 4, now it is 5/);
    await rm(folder, {recursive: true});
  });
});
