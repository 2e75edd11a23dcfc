import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {writeFileAtomic} from '../../data/cache_folder.js';
import type {RunConfig} from '../config/schema.js';
import type {MetricsRecord} from './records.js';
import type {RunSummary} from './summary.js';

/** How to treat a folder that is already there. */
export type ExistingRun = 'refuse' | 'resume' | 'replace';

/** What a run, or the comparison of a demo, writes into its folder. */
const OWN =
  /^((config\.json|metrics\.jsonl|summary\.json|report\.html)(\..*)?|checkpoints|logs|start|\.DS_Store)$/;

/** Names that can be a folder on every system. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The name of a run that was given none: its method, in letters that a folder may have, and its seed. */
export function defaultRunName(method: string, seed: number): string {
  return `${method.replace(/[^A-Za-z0-9._-]/g, '-')}-seed${seed}`;
}

/**
 * The folder of one run: `config.json`, `metrics.jsonl`, `checkpoints/`, `summary.json`, `report.html`.
 */
export class RunFolder {
  /** Absolute path. */
  readonly path: string;

  private constructor(
    /** Name of the run. */
    readonly name: string,
    runs: string,
  ) {
    this.path = path.resolve(runs, name);
  }

  /**
   * Opens a run's folder. A new one is made with the first file in it: a run that never starts leaves none behind, and an
   * older one that it was to replace is there until `setAside`.
   *
   * @param runs Folder of all runs.
   * @param name Name of this one.
   * @param existing What to do when it is there already.
   * @throws Error on a name that is no folder name, on a run that exists (`refuse`) or does not
   *     (`resume`), and on a folder with something of the user's in it, which a new run would remove.
   */
  static open(runs: string, name: string, existing: ExistingRun): RunFolder {
    if (!NAME.test(name)) {
      throw new Error(
        `The run's name is '${name}'; use letters, digits, dots, dashes and underscores only.`,
      );
    }
    const run = new RunFolder(name, runs);
    // One that was set aside for a run that was killed before it came up.
    if (!existsSync(run.file('config.json')) && existsSync(run.aside)) run.putBack();
    const there = existsSync(path.join(run.path, 'config.json'));
    if (there && existing === 'refuse') {
      throw new Error(
        `There is a run '${name}' in '${path.resolve(runs)}' already. Continue it with --resume, ` +
          'replace it with --force, or choose another --name.',
      );
    }
    if (!there && existing === 'resume') {
      throw new Error(
        `There is no run '${name}' in '${path.resolve(runs)}' to resume; start it without --resume.`,
      );
    }
    const entries = existing !== 'resume' && existsSync(run.path) ? readdirSync(run.path) : [];
    const strange = entries.find((entry) => !OWN.test(entry));
    if (strange != null) {
      throw new Error(
        `'${run.path}' has something in it that no run writes: '${strange}'. Choose another --name, or move it away.`,
      );
    }
    return run;
  }

  /** Where the run that this one replaces waits until this one has come up. */
  private get aside(): string {
    return path.join(path.dirname(this.path), `.${this.name}.replaced`);
  }

  /** Moves what is in the folder out of the way: `forgetReplaced` or `putBack` must follow. */
  setAside(): void {
    if (!existsSync(this.path)) return;
    rmSync(this.aside, {recursive: true, force: true});
    renameSync(this.path, this.aside);
  }

  /** Restores what was set aside, over whatever has been written since. */
  putBack(): void {
    if (!existsSync(this.aside)) return;
    rmSync(this.path, {recursive: true, force: true});
    renameSync(this.aside, this.path);
  }

  /** Removes what was set aside. */
  forgetReplaced(): void {
    rmSync(this.aside, {recursive: true, force: true});
  }

  /** Removes the folder, if all that is in it are empty folders and empty files: the logs of stages that said nothing. */
  removeIfEmpty(): void {
    if (!existsSync(this.path)) return;
    const entries = readdirSync(this.path, {recursive: true, withFileTypes: true});
    const said = entries.some(
      (entry) => entry.isFile() && statSync(path.join(entry.parentPath, entry.name)).size > 0,
    );
    if (!said) rmSync(this.path, {recursive: true});
  }

  /** An absolute path inside the folder. */
  file(...parts: string[]): string {
    return path.join(this.path, ...parts);
  }

  /** Where checkpoints go. */
  get checkpoints(): string {
    return this.file('checkpoints');
  }

  /** Writes the resolved configuration. */
  async writeConfig(config: RunConfig): Promise<void> {
    await writeFileAtomic(this.file('config.json'), `${JSON.stringify(config, null, 2)}\n`);
  }

  /**
   * The configuration the run began with, as it was written.
   *
   * @throws Error when the file is damaged
   */
  readConfig(): unknown {
    const file = this.file('config.json');
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new Error(
        `'${file}' cannot be read: ${(error as Error).message}. Restore it, or start a new run with --name.`,
        {cause: error},
      );
    }
  }

  /** Adds one line to `metrics.jsonl`. */
  append(record: MetricsRecord): void {
    mkdirSync(this.path, {recursive: true});
    appendFileSync(this.file('metrics.jsonl'), `${JSON.stringify(record)}\n`);
  }

  /** All metrics so far; a last line cut off by a crash is left out. */
  metrics(): MetricsRecord[] {
    const file = this.file('metrics.jsonl');
    if (!existsSync(file)) return [];
    const records: MetricsRecord[] = [];
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (!line) continue;
      try {
        records.push(JSON.parse(line) as MetricsRecord);
      } catch {
        // Only the last line can be incomplete: every line is appended in one write.
        break;
      }
    }
    return records;
  }

  /**
   * Forgets metrics after a step, before a run goes on from its checkpoint: those steps will be done
   * again.
   */
  truncateMetrics(step: number): void {
    const kept = this.metrics().filter((record) => record.step <= step);
    writeFileSync(
      this.file('metrics.jsonl'),
      kept.map((record) => `${JSON.stringify(record)}\n`).join(''),
    );
  }

  /** Writes `summary.json`. */
  async writeSummary(summary: RunSummary): Promise<void> {
    await writeFileAtomic(this.file('summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  }

  /** Reads `summary.json`, or null when the run never came to one. */
  readSummary(): RunSummary | null {
    const file = this.file('summary.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RunSummary) : null;
  }
}
