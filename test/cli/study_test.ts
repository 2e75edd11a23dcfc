import {execFile} from 'node:child_process';
import {readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {aggregate, spread} from '../../benchmarks/study/aggregate.js';
import type {Ledger, RecordedRun} from '../../benchmarks/study/ledger.js';
import {studyMarkdown} from '../../benchmarks/study/markdown.js';
import {studyPage} from '../../benchmarks/study/page.js';
import {paretoFront, paretoPlot} from '../../benchmarks/study/plots.js';
import {presetNames, readPreset, studyRuns, type Preset} from '../../benchmarks/study/preset.js';
import {scores, stepsTo} from '../../benchmarks/study/score.js';
import type {RunConfigInput} from '../../src/cli/config/schema.js';
import {exampleRun} from './support/example_run.js';
import {TINY, tinyFolder} from './support/tiny_run.js';

/** A finished run with given losses. */
function run(row: 'none' | 'mapl', seed: number, test: number, validation: number): RecordedRun {
  const {summary} = exampleRun(row, 10);
  summary.config.training.seed = seed;
  summary.loss = {...summary.loss, test, validation};
  const curve = [
    {step: 100, loss: 5},
    {step: 200, loss: row === 'none' ? 4 : 4.5},
    {step: 300, loss: 3.9},
  ];
  return {name: `${row}-p4-seed${seed}`, row, stages: 4, seed, commit: 'abc', summary, curve};
}

const preset: Preset = {
  name: 'test',
  title: 'A test',
  config: 'configs/study.yaml',
  settings: {},
  seeds: [0, 1],
  baseline: 'none',
  rows: {none: {label: 'uncompressed'}, mapl: {label: 'MAPL'}},
  tables: [{title: 'Losses', stages: [4, 8], rows: ['mapl']}],
  links: [{name: 'slow', mbps: 1, delayMs: 10}],
};

describe('study', () => {
  it('gives mean, sample deviation and range', () => {
    // Mean 4; squares 4 + 0 + 4 over 2.
    expect(spread([2, 4, 6])).toEqual({mean: 4, std: 2, min: 2, max: 6, values: [2, 4, 6]});
    expect(spread([3]).std).toBe(0);
  });

  const runs = [
    run('mapl', 1, 4.2, 5),
    run('none', 0, 4, 4),
    run('mapl', 0, 4.04, 4),
    run('none', 1, 4, 5),
  ];

  it('compares each run with the baseline of its seed', () => {
    const results = aggregate(runs, 'none');
    const none = results.find(({row}) => row === 'none')!;
    const mapl = results.find(({row}) => row === 'mapl')!;
    expect(none.deltaPercent).toBeNull();
    // 4.04 and 4.2 against 4: +1 % and +5 %.
    expect(mapl.seeds).toEqual([0, 1]);
    expect(mapl.deltaPercent?.values.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([1, 5]);
    expect(mapl.validationDeltaPercent?.mean).toBeCloseTo(0, 9);
    expect(mapl.capturedEnergy.length).toBe(3);
    // A boundary's share, not the sum over three.
    expect(none.bytesPerToken).toEqual({forward: 256, backward: 256, total: 512});
  });

  it('scores steps to a loss times the seconds of a step over a link', () => {
    expect(stepsTo(4.5, run('none', 0, 4, 4).curve)).toBe(150);
    expect(stepsTo(5.5, run('none', 0, 4, 4).curve)).toBe(100);
    expect(stepsTo(3, run('none', 0, 4, 4).curve)).toBeNull();
    const timings = ['none', 'mapl'].map((row) => {
      return {row, stages: 4, secondsPerStep: 0.5, threads: 2, machine: 'a machine'};
    });
    const all = scores(runs, timings, preset.links, 4.5);
    const [mapl, none] = ['mapl', 'none'].map((row) => all.find((score) => score.row === row)!);
    expect([none.steps, mapl.steps]).toEqual([150, 200]);
    expect(none.hours).toBeCloseTo((150 * none.secondsPerStep) / 3600, 12);
    // Four times the bytes take longer over a slow link, and more than computing alone.
    expect(none.secondsPerStep).toBeGreaterThan(mapl.secondsPerStep);
    expect(mapl.secondsPerStep).toBeGreaterThan(mapl.computeSeconds);
    expect(none.computeSeconds).toBeCloseTo(mapl.computeSeconds, 9);
    expect(scores(runs, [], preset.links, 4.5)).toEqual([]);
  });

  it('writes tables like the paper, and says what is missing', () => {
    const results = aggregate(runs, 'none');
    const report = {preset, results, runs, planned: 6, scores: [], target: null, plots: ['a.svg']};
    const page = studyMarkdown(report);
    expect(page).toContain(
      '| | seeds | test, P = 4 | Δ test | Δ validation | test, P = 8 |'.replace('| |', '|  |'),
    );
    expect(page).toContain('+3.00 % (+1.00 % to +5.00 %)');
    // The baseline stands in both columns, MAPL at P = 8 was not run.
    expect(page).toMatch(
      /\| uncompressed \| 0, 1 \| 4\.0000 ± 0\.0000 \|.*\| 4\.0000 ± 0\.0000 \|/,
    );
    expect(page).toMatch(/\| MAPL \| 0, 1 \| 4\.1200 ± 0\.1131 \|.*\|  \|  \|  \|/);
    expect(page).toContain('4 of 6 runs are finished');
    expect(page).toContain('10 steps');
  });

  it('draws plots, and the front of those that no other beats', async () => {
    const front = paretoFront([
      {bytes: 4, loss: 1},
      {bytes: 1, loss: 3},
      {bytes: 2, loss: 4},
      {bytes: 8, loss: 1},
      {bytes: 1, loss: 5},
    ]);
    expect(front.map(({bytes, loss}) => [bytes, loss])).toEqual([
      [1, 3],
      [4, 1],
    ]);
    const svg = await paretoPlot(aggregate(runs, 'none'), preset, 4, 'total');
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain('MAPL');
    expect(studyPage('A <b>', '# One\n\n| a |\n| --- |\n| 1 |', [svg])).toMatch(
      /A &lt;b&gt;[^]*<table>[^]*<svg /,
    );
  });

  it('reads every preset, each run once', async () => {
    for (const name of presetNames()) {
      const read = await readPreset(name);
      const planned = await studyRuns(read);
      expect(new Set(planned.map((one) => one.name)).size)
        .withContext(name)
        .toBe(planned.length);
      const base = planned.filter(({row}) => row === read.baseline);
      expect(base.length).withContext(name).toBe(read.seeds.length);
      const row = Object.keys(read.rows).find((other) => other !== read.baseline)!;
      const some = await studyRuns(read, {
        rows: [row],
        seeds: [7],
        settings: {training: {steps: 3}},
      });
      expect(new Set(some.map(({row}) => row))).toEqual(new Set([read.baseline, row]));
      expect(some.every(({seed, config}) => seed === 7 && config.training.steps === 3)).toBeTrue();
      await expectAsync(studyRuns(read, {rows: [`${row}~`]})).toBeRejectedWithError(
        new RegExp(`'${row}~' is not in .* did you mean '${row}'`),
      );
    }
    await expectAsync(readPreset('papr-small')).toBeRejectedWithError(/did you mean 'paper-small'/);
  });

  it('does all runs, skips what is finished, refuses other settings', async () => {
    const folder = await tinyFolder();
    const study = (...flags: string[]) =>
      new Promise<{code: number; output: string}>((resolve) => {
        const main = path.resolve('benchmarks', 'study', 'main.ts');
        const args = ['--rows', 'mapl', '--seeds', '0', '--jobs', '2'];
        const places = ['--runs', `${folder}/runs`, '--out', `${folder}/out`];
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
    expect(first.output).toContain('mapl-p4-seed0 is done.');
    const file = `${folder}/out/study-small.json`;
    const ledger = JSON.parse(await readFile(file, 'utf8')) as Ledger;
    expect(ledger.runs.map(({name}) => name)).toEqual(['mapl-p4-seed0', 'uncompressed-p4-seed0']);
    expect(ledger.runs[0].summary.loss.test).toBeGreaterThan(0);
    expect(await readFile(`${folder}/out/study-small.html`, 'utf8')).toContain('<svg');
    // The ledger alone is enough.
    await rm(`${folder}/runs`, {recursive: true});
    const again = await study('--steps', '4');
    expect(again.output).toContain('2 of 2 runs were finished before');
    const other = await study('--steps', '5');
    expect(other.code).withContext(other.output).toBe(0);
    await rm(file);
    const begun = await study('--steps', '6');
    expect(begun.code).toBe(1);
    expect(begun.output).toMatch(/begun with training\.steps 5, now it is 6/);
    // Begun before a setting existed; then with one that is no more.
    const stored = `${folder}/runs/mapl-p4-seed0/config.json`;
    const config = JSON.parse(await readFile(stored, 'utf8')) as RunConfigInput;
    delete config.pipeline!.activationStorage;
    await writeFile(stored, JSON.stringify(config));
    const older = await study('--steps', '5');
    expect(older.code).withContext(older.output).toBe(0);
    await rm(file);
    await writeFile(stored, JSON.stringify({...config, data: {...config.data, folds: 3}}));
    const gone = await study('--steps', '5');
    expect(gone.code).toBe(1);
    expect(gone.output).toMatch(/mapl-p4-seed0.config\.json':\s+unknown key 'data\.folds'/);
    await rm(folder, {recursive: true});
  });
});
