/**
 * Keeping a run over reloads. Weights and optimizer state are tens of megabytes and binary, which only IndexedDB takes
 * (localStorage holds some 5 MB of text); localStorage has the choice of backend and a mark of the run in progress,
 * because it can be written while the page is being closed.
 */
import {createStore, del, get, setMany} from 'idb-keyval';
import {checkSettings} from './settings.js';
import type {Point} from './history.js';
import type {Snapshot} from './session.js';

/** Raised when what is stored changes its form: older runs are then refused instead of misread. */
const VERSION = 1;

export interface StoredRun extends Snapshot {
  version: number;
  savedAt: number;
  /** Points of the charts so far. */
  history: Point[];
  /** First line of the text, to tell runs apart. */
  title: string;
}

const store = () => createStore('tfjs-mapl-example', 'runs');

/**
 * Keeps a run and its text, both or neither.
 *
 * @throws Error if the browser refuses, with the reason
 */
export async function saveRun(run: Omit<StoredRun, 'version'>, text: string): Promise<void> {
  try {
    await setMany(
      [
        ['run', {...run, version: VERSION}],
        ['text', text],
      ],
      store(),
    );
  } catch (error) {
    const {name, message} = error as Error;
    const why = name === 'QuotaExceededError' ? 'its storage is full' : message || name;
    throw new Error(`The browser did not store the run: ${why}.`, {cause: error});
  }
}

/**
 * The stored run, if there is one.
 *
 * @throws Error if it cannot be read, is of another version of this page or is damaged
 */
export async function loadRun(): Promise<{run: StoredRun; text: string} | null> {
  const [run, text] = await Promise.all([
    get<StoredRun>('run', store()),
    get<string>('text', store()),
  ]);
  if (run == null) return null;
  const refuse = (why: string) =>
    new Error(`The stored run cannot go on: ${why} A new run takes its place.`);
  if (run.version !== VERSION) throw refuse('it is of another version of this page.');
  const lists = [run.weights, run.optimizer, run.history];
  const whole = lists.every(Array.isArray) && Number.isSafeInteger(run.step) && run.batches != null;
  if (!whole || typeof text !== 'string') throw refuse('a part of it is missing.');
  try {
    return {run: {...run, settings: checkSettings(run.settings)}, text};
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

/** Forgets the stored run. */
export async function discardRun(): Promise<void> {
  await Promise.all([del('run', store()), del('text', store())]);
}

const LOCK = 'tfjs-mapl-example';
let release: (() => void) | null = null;

/**
 * Makes the store this tab's own, until {@link releaseStorage} or until the tab is gone: two tabs would overwrite each
 * other's run.
 *
 * @returns Whether that worked; false if another tab has it
 */
export async function claimStorage(): Promise<boolean> {
  if (release != null || navigator.locks == null) return true;
  return new Promise((resolve, reject) => {
    const hold = (lock: Lock | null) => {
      resolve(lock != null);
      return lock == null ? undefined : new Promise<void>((done) => (release = done));
    };
    navigator.locks.request(LOCK, {ifAvailable: true}, hold).catch(reject);
  });
}

export function releaseStorage(): void {
  release?.();
  release = null;
}

/** Whether another tab has a run. */
export async function isClaimed(): Promise<boolean> {
  const {held = []} = (await navigator.locks?.query()) ?? {};
  return held.some(({name}) => name === LOCK);
}

const RUNNING = 'tfjs-mapl-example.running';
const BACKEND = 'tfjs-mapl-example.backend';

/** Marks a run in progress; what is left of it after a reload tells that the tab died. */
export function markRunning(step: number | null): void {
  try {
    if (step == null) localStorage.removeItem(RUNNING);
    else localStorage.setItem(RUNNING, String(step));
  } catch {
    // Storage is switched off: then there is no stored run to warn about either.
  }
}

/** The step at which an earlier visit died, or null. */
export function diedAt(): number | null {
  try {
    const step = localStorage.getItem(RUNNING);
    return step == null ? null : Number(step);
  } catch {
    return null;
  }
}

/** The backend chosen last, if any. */
export function rememberedBackend(): string | null {
  try {
    return localStorage.getItem(BACKEND);
  } catch {
    return null;
  }
}

export function rememberBackend(name: string): void {
  try {
    localStorage.setItem(BACKEND, name);
  } catch {
    // It is only a convenience.
  }
}
