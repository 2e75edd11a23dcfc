import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import path from 'node:path';
import {mergeSettings, type Settings} from '../../src/cli/config/load_config.js';
import {cliEntry} from '../../src/cli/launcher/cli_entry.js';
import type {MetricsRecord} from '../../src/cli/run/records.js';
import {methodPlan} from '../../src/codecs/methods/index.js';
import type {StudyRun} from './preset.js';

/** How long a step of a row takes on one machine, all stages in one process. */
export interface Timing {
  row: string;
  stages: number;
  /** Median. */
  secondsPerStep: number;
  threads: number;
  machine: string;
}

/** Steps of a timing run, and how many of them only warm up. */
const STEPS = 24;
const WARM = 8;

/**
 * Times the steps of a run's settings in a short run of its own, with nothing beside it: the runs of a study may have
 * shared the machine. Codebooks begin after two steps, so that they are in what is timed.
 *
 * @throws Error with the run's output if it fails.
 */
export async function timeRun(run: StudyRun, threads: number): Promise<Timing> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tfjs-mapl-timing-'));
  try {
    const settings = path.join(folder, 'timing.json');
    writeFileSync(settings, JSON.stringify(timingSettings(run)));
    const entry = await cliEntry();
    const flags = ['train', '--runs', folder, '--name', 'timing', '--config', settings];
    const line = [...entry.execArgv, entry.file, ...flags, '--threads', String(threads)];
    await new Promise<void>((resolve, reject) => {
      execFile(process.execPath, line, {maxBuffer: 1 << 26}, (error, stdout, stderr) =>
        error ? reject(new Error(`Timing ${run.name} failed:\n${stdout}${stderr}`)) : resolve(),
      );
    });
    const metrics = readFileSync(path.join(folder, 'timing', 'metrics.jsonl'), 'utf8');
    const seconds = metrics
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as MetricsRecord)
      .flatMap((record) => (record.kind === 'step' && record.step > WARM ? [record.seconds] : []))
      .sort((a, b) => a - b);
    const {row, stages} = run;
    const machine = `${cpus()[0].model.trim()}, ${cpus().length} cores`;
    return {row, stages, secondsPerStep: seconds[seconds.length >> 1], threads, machine};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

function timingSettings({config}: StudyRun): Settings {
  const {stages} = config.pipeline;
  const plan = methodPlan(config.compression, {
    stages: stages as number,
    hiddenSize: config.model.hiddenSize,
    wire: config.pipeline.wire,
  });
  const short = {
    training: {steps: STEPS},
    output: {validateEvery: 0, validationBatches: 1, diagnosticsEvery: 0, checkpointEvery: 0},
    ...(plan.forward.codec === 'rvq'
      ? {compression: {forward: {...plan.forward, warmupSteps: 2}}}
      : {}),
  };
  return mergeSettings(config as unknown as Settings, short);
}
