import {readdirSync} from 'node:fs';
import path from 'node:path';
import {closest} from 'fastest-levenshtein';
import {z} from 'zod';
import {
  mergeSettings,
  parseConfig,
  readSettings,
  type Settings,
} from '../../src/cli/config/load_config.js';
import type {RunConfig} from '../../src/cli/config/schema.js';

const presetSchema = z.strictObject({
  title: z.string(),
  /** Settings of all runs, from the root of the repository. */
  config: z.string(),
  /** Laid over them. */
  settings: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  seeds: z.array(z.int().min(0)).min(1),
  /** Row that the others are compared with; done once, at the first number of stages: a plain cut changes nothing but the wire's rounding. */
  baseline: z.string(),
  /** What is compared: a label, and settings laid over all others. */
  rows: z.record(z.string(), z.looseObject({label: z.string()})),
  /** Tables of the report. */
  tables: z.array(
    z.strictObject({
      title: z.string(),
      stages: z.array(z.int().min(1)).min(1),
      rows: z.array(z.string()).min(1),
    }),
  ),
  /** Links that steps are timed over. */
  links: z
    .array(
      z.strictObject({name: z.string(), mbps: z.number().positive(), delayMs: z.number().min(0)}),
    )
    .default([]),
});

/** A study: methods × stages × seeds, and the tables they make. */
export type Preset = z.output<typeof presetSchema> & {name: string};

/** A network link between two stages: megabits a second each way, milliseconds one way. */
export type Link = Preset['links'][number];

const folder = path.join(import.meta.dirname, 'presets');
const root = path.resolve(import.meta.dirname, '..', '..');

/** Names of the presets that come with the project. */
export function presetNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => path.basename(file, '.yaml'))
    .sort();
}

/**
 * Reads a preset.
 *
 * @param given Its name, or a YAML file of one's own.
 * @throws Error naming what is wrong in it.
 */
export async function readPreset(given: string): Promise<Preset> {
  const own = /\.ya?ml$/.test(given);
  const names = presetNames();
  if (!own && !names.includes(given)) {
    throw new Error(
      `--preset ${given}: there is none of that name; did you mean '${closest(given, names)}'? ` +
        `Expected one of ${names.join(', ')}, or a YAML file.`,
    );
  }
  const file = own ? path.resolve(given) : path.join(folder, `${given}.yaml`);
  const result = presetSchema.safeParse(await readSettings(file));
  if (!result.success) throw new Error(`In '${file}':\n${z.prettifyError(result.error)}`);
  const preset = {...result.data, name: path.basename(file).replace(/\.ya?ml$/, '')};
  const known = Object.keys(preset.rows);
  for (const name of [preset.baseline, ...preset.tables.flatMap(({rows}) => rows)]) {
    if (!known.includes(name)) {
      throw new Error(
        `In '${file}': there is no row '${name}'; expected one of ${known.join(', ')}.`,
      );
    }
  }
  return preset;
}

/** One run of a study. */
export interface StudyRun {
  /** Name of its folder: row, stages, seed. */
  name: string;
  row: string;
  stages: number;
  seed: number;
  config: RunConfig;
}

/** Narrows a study down. */
export interface Selection {
  rows?: string[];
  seeds?: number[];
  stages?: number[];
  /** Laid over all settings, e.g. flags. */
  settings?: Settings;
}

/**
 * All runs of a study, each once, seed by seed: the first numbers to come out can already be compared.
 *
 * @throws Error if a row's settings are wrong, or a selected row is not in the study.
 */
export async function studyRuns(preset: Preset, selection: Selection = {}): Promise<StudyRun[]> {
  const known = Object.keys(preset.rows);
  const unknown = selection.rows?.find((row) => !known.includes(row));
  if (unknown != null) {
    throw new Error(
      `--rows: '${unknown}' is not in '${preset.name}'; did you mean '${closest(unknown, known)}'? ` +
        `Expected some of ${known.join(', ')}.`,
    );
  }
  const base = mergeSettings(await readSettings(path.join(root, preset.config)), preset.settings);
  const cells = preset.tables.flatMap(({stages, rows}) =>
    rows.flatMap((row) =>
      (row === preset.baseline ? stages.slice(0, 1) : stages).map((p) => ({row, stages: p})),
    ),
  );
  // Every table is compared with the baseline.
  cells.unshift({row: preset.baseline, stages: preset.tables[0].stages[0]});
  const unique = new Map(cells.map((cell) => [`${cell.row}-p${cell.stages}`, cell]));
  const wanted = [...unique].filter(
    ([, {row, stages}]) =>
      row === preset.baseline ||
      ((selection.rows?.includes(row) ?? true) && (selection.stages?.includes(stages) ?? true)),
  );
  return (selection.seeds ?? preset.seeds).flatMap((seed) =>
    wanted.map(([cell, {row, stages}]): StudyRun => {
      const {label: _, ...own} = preset.rows[row];
      const name = `${cell}-seed${seed}`;
      const place = {pipeline: {stages}, training: {seed}};
      const all = [own as Settings, selection.settings ?? {}, place].reduce(mergeSettings, base);
      return {name, row, stages, seed, config: parseConfig(all, `the settings of '${name}'`)};
    }),
  );
}
