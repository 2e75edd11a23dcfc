import type {Weighed} from '../../../src/cli/auto_rank/choose.js';
import {probeRun} from '../../../src/cli/auto_rank/probe_run.js';
import {runTrials, Stopped, validationBatches} from '../../../src/cli/auto_rank/run_trials.js';
import {runTrial} from '../../../src/cli/auto_rank/trial.js';
import {parseConfig} from '../../../src/cli/config/load_config.js';
import type {LoadedText} from '../../../src/cli/training/load_text.js';

const VOCABULARY = 32;
const config = (compression: object = {}, training: object = {}) =>
  parseConfig({
    model: {hiddenSize: 8, intermediateSize: 8, layers: 2, heads: 1, maxContext: 8},
    pipeline: {stages: 2, microbatches: 2},
    compression: {rank: 4, ...compression},
    training: {context: 8, batchSize: 4, ...training},
    output: {validationBatches: 2},
  });

/** A text that repeats itself. Nothing may read the split that results are reported on. */
function text(validation = 200): LoadedText {
  const make = (length: number) => Uint16Array.from({length}, (_, i) => (i * i) % VOCABULARY);
  const tokens = {
    train: make(600),
    validation: make(validation),
    get test(): Uint16Array {
      throw new Error('the test split was read');
    },
  };
  return {data: {tokens}, tokenizer: {vocabSize: VOCABULARY}} as unknown as LoadedText;
}

const candidate = (label: string, compression: object) =>
  ({candidate: {label, compression}}) as unknown as Weighed;

describe('runTrial', () => {
  const validation = validationBatches(config(), text());

  it('comes to the same bits again, and to others with other compression', async () => {
    const once = async (method: string) =>
      (await runTrial(config({method}), text(), {steps: 2, validation})).loss;
    const loss = await once('mapl');
    expect(loss).toBeGreaterThan(0);
    expect(await once('mapl')).toBe(loss);
    expect(await once('none')).not.toBe(loss);
  });

  it('learns, and says how much it cost', async () => {
    const short = await runTrial(config(), text(), {steps: 0, validation});
    const long = await runTrial(config(), text(), {steps: 12, validation});
    expect(long.loss).toBeLessThan(short.loss);
    expect(short.stepSeconds).toBeNull();
    expect(long.stepSeconds).toBeGreaterThan(0);
    const plain = await runTrial(config({method: 'none'}), text(), {steps: 1});
    expect(plain.loss).toBeNaN();
    expect(plain.stepSeconds).toBeGreaterThan(0);
    // Two anchor tables with their bases, and the projector.
    expect(long.parameters - plain.parameters).toBe(2 * (VOCABULARY * 4 + 4 * 8) + 8 * 4);
  });

  it('ends between two steps when asked to, and leaves nothing behind', async () => {
    let steps = 0;
    const beforeStep = () => {
      if (++steps > 1) throw new Stopped();
    };
    const stopped = runTrial(config(), text(), {steps: 5, beforeStep});
    await expectAsync(stopped).toBeRejectedWithError(Stopped);
    expect(steps).toBe(2);
  });
});

describe('probeRun', () => {
  it('is the trial of none, with the energies of its activations', async () => {
    const validation = validationBatches(config(), text());
    const probe = await probeRun(config({anchorRank: 6}), text(), {
      steps: 2,
      timed: true,
      validation,
    });
    const none = await runTrial(config({method: 'none'}), text(), {steps: 2, validation});
    expect(probe.loss).toBe(none.loss);
    expect(probe.spectrum.length).toBe(8);
    expect(probe.spectrum.reduce((sum, value) => sum + value)).toBeCloseTo(1, 6);
    expect([...probe.spectrum]).toEqual([...probe.spectrum].sort((a, b) => b - a));
  });
});

describe('runTrials', () => {
  const validation = validationBatches(config(), text());

  it('measures all but those that fail, and says why they do', async () => {
    const lines: string[] = [];
    const list = [
      candidate('broken', {method: 'mapl', rank: 4, forward: {codec: 'rvq', groups: 3}}),
      candidate('mapl', {method: 'mapl', rank: 4}),
      candidate('int8', {method: 'int8'}),
    ];
    const log = (line: string) => lines.push(line);
    const trials = await runTrials(config(), list, text(), {
      steps: 2,
      validation,
      log,
      beforeStep: () => {},
    });
    expect(trials.map(({loss}) => isNaN(loss))).toEqual([true, false, false]);
    const mapl = await runTrial(config(), text(), {steps: 2, validation});
    expect(trials[1].loss).toBe(mapl.loss);
    expect(lines[0]).toMatch(/the trial of broken failed: .*groups/);
    expect(lines.filter((line) => /validation loss \d+\.\d{4}; .* left/.test(line)).length).toBe(2);
  });

  it('stops all of them', async () => {
    let steps = 0;
    const beforeStep = () => {
      if (++steps > 3) throw new Stopped();
    };
    const list = ['a', 'b', 'c'].map((label) => candidate(label, {method: 'int8'}));
    const all = runTrials(config(), list, text(), {
      steps: 2,
      validation,
      beforeStep,
      log: () => {},
    });
    await expectAsync(all).toBeRejectedWithError(Stopped, /nothing was chosen/);
    expect(steps).toBe(4);
  });
});

describe('validationBatches', () => {
  it('are those of a validation, or are refused', () => {
    const batches = validationBatches(config(), text());
    expect(batches.map(({shape}) => shape)).toEqual(Array.from({length: 4}, () => [2, 8]));
    expect(() => validationBatches(config(), text(8))).toThrowError(
      /there are 8 tokens of it \(data\.validationShare is 0\.05\).*--auto-rank-steps 0/,
    );
  });
});
