import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {settingDifferences, type SettingDifference} from '../../src/cli/config/compare_config.js';
import type {RunConfig} from '../../src/cli/config/schema.js';
import {parseStored} from '../../src/cli/config/stored_config.js';
import type {MetricsRecord} from '../../src/cli/run/records.js';
import type {RunSummary} from '../../src/cli/run/summary.js';
import {writeFileAtomic} from '../../src/data/cache_folder.js';
import type {StudyRun} from './preset.js';
import type {Timing} from './timing.js';

/** What is kept of a finished run: enough for tables, plots and scores, and to know what made it. */
export interface RecordedRun {
  name: string;
  row: string;
  stages: number;
  seed: number;
  /** Commit of the sources, where git knows it. */
  commit: string;
  summary: RunSummary;
  /** Validation losses by step. */
  curve: Array<{step: number; loss: number}>;
}

/** All finished runs of a study, beside its report: what was done once, on whatever machine, is not done again. */
export interface Ledger {
  preset: string;
  runs: RecordedRun[];
  /** Measured apart from the runs. */
  timings: Timing[];
}

/** Settings that have no influence on the numbers that are compared. */
const NO_INFLUENCE = /^(backend\.threads|output\.(?!finalBatches)|network\.)/;

/** The first setting in which two configurations differ in a way that matters, or null. */
export function differingSetting(one: RunConfig, other: RunConfig): SettingDifference | null {
  return settingDifferences(one, other).find(({key}) => !NO_INFLUENCE.test(key)) ?? null;
}

/** Reads a study's ledger; empty where there is none. */
export function readLedger(file: string, preset: string): Ledger {
  if (!existsSync(file)) return {preset, runs: [], timings: []};
  return JSON.parse(readFileSync(file, 'utf8')) as Ledger;
}

/** The recorded run of that name and those settings, if there is one. */
export function recorded(ledger: Ledger, run: StudyRun): RecordedRun | null {
  const found = ledger.runs.find(({name}) => name === run.name);
  if (!found) return null;
  const config = parseStored(found.summary.config, `the ledger's run '${run.name}'`);
  return differingSetting(config, run.config) ? null : found;
}

/** Puts a finished run in, in place of one of the same name, and writes the ledger. */
export async function record(
  file: string,
  ledger: Ledger,
  run: StudyRun,
  runs: string,
  commit: string,
): Promise<void> {
  const folder = path.join(runs, run.name);
  const summary = JSON.parse(readFileSync(path.join(folder, 'summary.json'), 'utf8')) as RunSummary;
  const lines = readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const curve = lines.flatMap((line) => {
    const entry = JSON.parse(line) as MetricsRecord;
    const wanted = entry.kind === 'evaluation' && entry.split === 'validation';
    return wanted ? [{step: entry.step, loss: entry.loss}] : [];
  });
  const {name, row, stages, seed} = run;
  ledger.runs = ledger.runs.filter((other) => other.name !== name);
  ledger.runs.push({name, row, stages, seed, commit, summary, curve});
  ledger.runs.sort((a, b) => (a.name < b.name ? -1 : 1));
  await writeLedger(file, ledger);
}

/** Writes a study's ledger. */
export async function writeLedger(file: string, ledger: Ledger): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(ledger, null, 1)}\n`);
}
