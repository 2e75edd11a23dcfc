import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseConfig} from '../../src/cli/config/load_config.js';
import type {RunConfigInput} from '../../src/cli/config/schema.js';
import {Conductor} from '../../src/cli/launcher/conductor.js';
import type {OnProgress, StageCommand, StageHandle} from '../../src/cli/launcher/messages.js';
import {rootFailure, StageFailure} from '../../src/cli/launcher/stage_failure.js';
import {makeProgress} from '../../src/cli/run/progress.js';
import {resumeConfig} from '../../src/cli/run/resume_config.js';
import {RunFolder} from '../../src/cli/run/run_folder.js';
import {summarise} from '../../src/cli/run/summarise.js';
import {learningSchedule} from '../../src/cli/training/recipe.js';

describe('conductor', () => {
  let runs: string;
  beforeEach(() => {
    runs = mkdtempSync(join(tmpdir(), 'mapl-conductor-'));
  });
  afterEach(() => {
    rmSync(runs, {recursive: true});
  });

  /** Conducts stages that only write down what they are told. */
  async function conduct(
    input: RunConfigInput,
    options: {
      done?: number;
      stopAfter?: number;
      stop?: () => boolean;
      measuring?: OnProgress[];
    } = {},
  ) {
    const config = parseConfig(input);
    const run = RunFolder.open(runs, 'run', 'refuse');
    const heard: StageCommand[][] = [[], [], []];
    const stages = heard.map((commands, index): StageHandle => ({
      index,
      ready: {parameters: 10, layers: '', step: 0},
      run: async (command, onProgress) => {
        commands.push(command);
        if (command.do === 'evaluate' && onProgress) options.measuring?.push(onProgress);
        return {
          loss: 5,
          gradientNorm: 1,
          forwardBytes: 100 * (index + 1),
          backwardBytes: 10 * index,
          overheadBytes: 1,
          waitSeconds: 0,
          tokens: 7,
          health:
            index < 2
              ? {boundary: index, orthogonality: 0, capturedEnergy: 1, startEnergy: 1}
              : null,
        };
      },
      close: async () => undefined,
    }));
    const lines: string[] = [];
    const stream = {write: (text: string) => lines.push(text)} as unknown as NodeJS.WriteStream;
    const conductor = new Conductor({
      stages,
      config,
      run,
      progress: makeProgress({
        title: 'x',
        steps: config.training.steps,
        done: 0,
        logEvery: 4,
        stream,
      }),
      schedule: learningSchedule(config),
      done: options.done ?? 0,
      stopRequested:
        options.stop ??
        (() => heard[0].filter(({do: what}) => what === 'train').length === options.stopAfter),
    });
    const result = await conductor.run();
    const told = heard[0].map((command) =>
      command.do === 'train'
        ? `t${command.step}`
        : command.do === 'evaluate'
          ? command.split
          : command.do,
    );
    return {result, told, heard, run, lines, config};
  }

  const every = (validateEvery: number, diagnosticsEvery: number, checkpointEvery: number) => ({
    validateEvery,
    diagnosticsEvery,
    checkpointEvery,
  });

  it('does what is due after each step, and all of it at the end', async () => {
    const {told, result, heard} = await conduct({training: {steps: 5}, output: every(2, 3, 4)});
    expect(told).toEqual([
      ...['t1', 't2', 'validation', 't3', 'diagnose', 't4', 'validation', 'save', 't5', 'save'],
      ...['validation', 'test', 'diagnose'],
    ]);
    expect(result).toEqual(
      jasmine.objectContaining({
        steps: 5,
        stopped: false,
        validation: 5,
        checkpoint: 'checkpoints/step-000005',
      }),
    );
    expect(heard[1].length).toBe(heard[2].length);
  });

  it('hears signals between steps that are microtasks only', async () => {
    let asked = false;
    setImmediate(() => (asked = true));
    const {result} = await conduct({training: {steps: 1000}}, {stop: () => asked});
    expect(result.stopped).toBeTrue();
    expect(result.steps).toBeLessThan(1000);
  });

  it('does only the end where nothing is due in between', async () => {
    const {told} = await conduct({training: {steps: 2}, output: every(0, 0, 0)});
    expect(told).toEqual(['t1', 't2', 'save', 'validation', 'test', 'diagnose']);
  });

  it('measures on all text at the end, or on as many batches as told', async () => {
    const batches = async (input: RunConfigInput) => {
      const {heard, run} = await conduct(input);
      rmSync(run.path, {recursive: true});
      return heard[0].flatMap((command) => (command.do === 'evaluate' ? [command.batches] : []));
    };
    const output = {...every(1, 0, 0), validationBatches: 3};
    expect(await batches({training: {steps: 2}, output})).toEqual([3, 0, 0]);
    expect(await batches({training: {steps: 2}, output: {...output, finalBatches: 5}})).toEqual([
      ...[3, 5, 5],
    ]);
  });

  it('says how far a long evaluation is, and what is left', async () => {
    const measuring: OnProgress[] = [];
    let now = 0;
    spyOn(performance, 'now').and.callFake(() => now);
    spyOn(measuring, 'push').and.callFake((tell) => {
      // Of the first stage alone: ten seconds for a tenth; five more say nothing new yet.
      if (now > 0) return 0;
      now = 10_000;
      tell(0.1);
      now = 15_000;
      tell(0.15);
      now = 20_000;
      tell(0.25);
      return 0;
    });
    const {lines} = await conduct({training: {steps: 1}, output: every(0, 0, 0)}, {measuring});
    expect(lines.filter((line) => line.includes('measured'))).toEqual([
      'step 1: 10 % of the validation text measured, about 1 min 30 s left\n',
      'step 1: 25 % of the validation text measured, about 1 min 0 s left\n',
    ]);
  });

  it('goes on after a checkpoint, and stops with one when asked to', async () => {
    const {told, result} = await conduct(
      {training: {steps: 9}, output: every(0, 0, 100)},
      {done: 4, stopAfter: 2},
    );
    expect(told).toEqual(['t5', 't6', 'save', 'diagnose']);
    expect(result).toEqual(jasmine.objectContaining({steps: 6, stopped: true, test: null}));
  });

  it('writes down every step with the bytes of each boundary', async () => {
    const {run, lines, config} = await conduct({training: {steps: 8}, output: every(0, 0, 0)});
    const steps = run.metrics().filter((record) => record.kind === 'step');
    expect(steps.map(({step}) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    // Forward from stages 0 and 1, backward from stages 1 and 2; warm-up of 0.05 × 8 rounds to none.
    expect(steps[0]).toEqual(
      jasmine.objectContaining({
        forwardBytes: [100, 200],
        backwardBytes: [10, 20],
        overheadBytes: 3,
        tokens: 4096,
        rate: 1,
      }),
    );
    // Down to zero over the second half: after step 4 of 8, (8 − 7) / 4 at the last.
    expect(steps[7]).toEqual(jasmine.objectContaining({rate: 0.25}));
    expect(lines.filter((line) => line.startsWith('x  step')).length).toBe(3);
    const summary = summarise(run.metrics(), {
      name: 'run',
      status: 'finished',
      config,
      backend: {name: 'cpu', reason: '', threads: 1, processes: 1},
      dataHash: '',
      stages: [{layers: '', parameters: 30}],
      checkpoint: null,
      versions: {},
    });
    expect(summary.bytesPerToken.all.total).toBeCloseTo(330 / 4096, 9);
    expect(summary.loss).toEqual({train: 5, validation: 5, test: 5});
    expect([summary.steps, summary.tokens, summary.parameters]).toEqual([8, 8 * 4096, 30]);
  });

  it('finds the failure that caused the others', () => {
    const failures = [
      new StageFailure(1, 'lost its peer', true),
      new StageFailure(2, 'was killed'),
      new StageFailure(0, 'lost its peer', true),
    ];
    expect(rootFailure(failures).stage).toBe(2);
    expect(rootFailure(failures.slice(0, 1)).stage).toBe(1);
  });

  it('keeps metrics up to a step, and takes a cut last line for none', async () => {
    const {run} = await conduct({training: {steps: 5}, output: every(0, 0, 0)});
    run.truncateMetrics(3);
    expect(run.metrics().map(({step}) => step)).toEqual([1, 2, 3]);
    const {appendFileSync} = await import('node:fs');
    appendFileSync(run.file('metrics.jsonl'), '{"kind":"step","st');
    expect(run.metrics().length).toBe(3);
  });
});

describe('learning rates', () => {
  const rates = (training: RunConfigInput['training']) => {
    const schedule = learningSchedule(parseConfig({training}));
    return Array.from({length: training?.steps ?? 0}, (_, step) => schedule.at(step));
  };

  it('rise, stay and fall to zero', () => {
    const values = rates({steps: 10, warmup: 0.2, decay: 0.5});
    [0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2].forEach((rate, i) =>
      expect(values[i]).toBeCloseTo(rate, 12),
    );
  });

  it('may do neither', () => {
    expect(rates({steps: 3, warmup: 0, decay: 0})).toEqual([1, 1, 1]);
    expect(rates({steps: 1})).toEqual([1]);
  });
});

describe('resumeConfig', () => {
  const stored = parseConfig({training: {steps: 50}});

  it('takes what changes no bit of the result', () => {
    const config = resumeConfig(stored, {output: {logEvery: 3}, pipeline: {processes: 1}});
    expect([config.output.logEvery, config.pipeline.processes]).toEqual([3, 1]);
    expect(config.training.steps).toBe(50);
  });

  it('takes what is the same, refuses what is not', () => {
    expect(resumeConfig(stored, {training: {steps: 50}})).toEqual(stored);
    expect(() => resumeConfig(stored, {training: {steps: 60}})).toThrowError(
      /training\.steps was 50, now 60/,
    );
  });

  it('compares codecs by what they mean, not by how they were written', () => {
    const run = parseConfig({compression: {method: 'none', backward: 'int8:stochastic'}});
    expect(resumeConfig(run, {compression: {backward: 'int8:stochastic'}})).toEqual(run);
    expect(() => resumeConfig(run, {compression: {backward: 'int8'}})).toThrowError(
      /compression.backward was {"codec":"int8","stochastic":true}, now {"codec":"int8"}/,
    );
  });
});
