/** The left side of the page: text, backend, model. */
import {countParameters} from 'tfjs-mapl';
import {BACKEND_NAMES, bestBackend, type BackendName, type Probe} from './backends.js';
import {element, make} from './elements.js';
import {
  checkSettings,
  CHOICES,
  DEFAULTS,
  llamaConfig,
  rankOf,
  SIZES,
  type Settings,
} from './settings.js';
import {rememberBackend, rememberedBackend} from './storage.js';

/** More than this would fill the memory that the model needs. Characters. */
const LONGEST_TEXT = 20_000_000;

const text = element<HTMLTextAreaElement>('text');

/** The text may be longer than a text area shows without stalling: then it is kept here. */
let longText: string | null = null;
const SHOWN = 200_000;

/** Fills the lists, wires text and files; `onError` gets what goes wrong later. */
export function setUpForm(onError: (error: unknown) => void): void {
  const fill = (id: string, options: Array<[string, string]>, selected: string) => {
    const select = element<HTMLSelectElement>(id);
    select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
    select.value = selected;
  };
  const sizes = Object.entries(SIZES).map(([name, {label}]): [string, string] => [name, label]);
  fill('size', sizes, DEFAULTS.size);
  const label = (name: string, value: number) => {
    if (name === 'compression') return `${value} times`;
    return name === 'stages' && value === 1 ? '1 (no boundary)' : String(value);
  };
  for (const name of Object.keys(CHOICES) as Array<keyof typeof CHOICES>) {
    const options = CHOICES[name].map((value): [string, string] => [
      String(value),
      label(name, value),
    ]);
    fill(name, options, String(DEFAULTS[name]));
  }
  showSettings(DEFAULTS);

  element('setup').addEventListener('submit', (event) => event.preventDefault());
  element('setup').addEventListener('change', describeModel);
  text.addEventListener('input', () => {
    longText = null;
    describeText();
  });
  const take = (load: () => Promise<string>) => load().then(setText, onError);
  const file = element<HTMLInputElement>('file');
  element('open').addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    const [chosen] = file.files ?? [];
    if (chosen != null) void take(() => chosen.text());
    file.value = '';
  });
  element('moby').addEventListener('click', () => void take(fetchMobyDick));
  // A file that misses its place would replace the page, and the run with it.
  for (const type of ['dragover', 'drop'] as const) {
    document.addEventListener(type, (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
  }
  const drop = element('drop');
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    const [dropped] = event.dataTransfer?.files ?? [];
    const plain = event.dataTransfer?.getData('text/plain') ?? '';
    if (!element<HTMLFieldSetElement>('setup-fields').disabled && (dropped ?? plain)) {
      void take(() => dropped?.text() ?? Promise.resolve(plain));
    }
  });
}

async function fetchMobyDick(): Promise<string> {
  const answer = await fetch(new URL('moby_dick.txt', document.baseURI));
  if (!answer.ok) throw new Error(`moby_dick.txt is not on this server (${answer.status}).`);
  return answer.text();
}

/** Puts a text into the form. */
export function setText(value: string): void {
  longText = value.length > SHOWN ? value : null;
  text.value = longText == null ? value : `${value.slice(0, SHOWN)}…`;
  describeText();
}

/**
 * The text to train on.
 *
 * @throws Error if there is none, or it is no text
 */
export function currentText(): string {
  const value = longText ?? text.value;
  if (value.trim() === '') {
    throw new Error('There is no text yet: paste some, drop a file, or use Moby-Dick.');
  }
  if (value.slice(0, 10_000).includes('\0')) {
    throw new Error('This file is not text: it has zero bytes in it. Choose a text file.');
  }
  return value.slice(0, LONGEST_TEXT);
}

function describeText(): void {
  const {length} = longText ?? text.value;
  const note = element('text-note');
  if (length === 0) note.textContent = 'No text yet.';
  else {
    const parts = [`${length.toLocaleString('en')} characters`];
    if (longText != null) parts.push('the beginning is shown');
    if (length > LONGEST_TEXT) parts.push('only the first 20 million are used');
    if (length < 20_000) parts.push('a model learns so little by heart; 100,000 or more is better');
    note.textContent = `${parts.join('; ')}.`;
  }
}

/**
 * The settings in the form.
 *
 * @throws Error naming the setting that cannot be
 */
export function currentSettings(): Settings {
  const value = (id: string) => element<HTMLSelectElement | HTMLInputElement>(id).value;
  const number = (id: string) => (value(id).trim() === '' ? NaN : Number(value(id)));
  return checkSettings({
    size: value('size') as Settings['size'],
    vocabulary: value('vocabulary') as Settings['vocabulary'],
    stages: number('stages'),
    compression: number('compression'),
    context: number('context'),
    batchSize: number('batchSize'),
    learningRate: number('learningRate'),
    seed: number('seed'),
  });
}

/** Puts settings into the form. */
export function showSettings(settings: Settings): void {
  for (const [id, value] of Object.entries(settings)) {
    element<HTMLSelectElement | HTMLInputElement>(id).value = String(value);
  }
  describeModel();
}

function describeModel(): void {
  const note = element('model-note');
  try {
    const settings = currentSettings();
    const vocabSize = settings.vocabulary === 'bytes' ? 256 : 2048;
    const {total} = countParameters(llamaConfig(settings, vocabSize));
    const {hidden} = SIZES[settings.size];
    const numbers = `${(total / 1e6).toFixed(total < 1e7 ? 2 : 1)} million parameters.`;
    note.textContent =
      settings.stages === 1
        ? `${numbers} One stage: a plain LLaMA.`
        : `${numbers} ${settings.stages - 1} boundaries of rank ${rankOf(settings)} in place of ${hidden} numbers a token.`;
  } catch (error) {
    note.textContent = (error as Error).message;
  }
}

/** Lists the backends, with the reason beside those that are missing, and selects one. */
export function showBackends(probes: Record<BackendName, Probe>): void {
  const remembered = BACKEND_NAMES.find((name) => name === rememberedBackend());
  const works = remembered != null && 'device' in probes[remembered];
  const chosen = works ? remembered : bestBackend(probes);
  const rows = BACKEND_NAMES.map((name) => {
    const probe = probes[name];
    const missing = 'missing' in probe;
    const input = make('input', {
      type: 'radio',
      name: 'backend',
      id: `backend-${name}`,
      value: name,
      disabled: missing,
      checked: name === chosen,
    });
    input.setAttribute('aria-describedby', `backend-${name}-note`);
    input.addEventListener('change', () => rememberBackend(name));
    const note = missing ? `missing: ${probe.missing}` : probe.description;
    const words = make(
      'div',
      {},
      make('span', {textContent: name}),
      make('small', {id: `backend-${name}-note`, textContent: note}),
    );
    return make('label', {className: `backend${missing ? ' missing' : ''}`}, input, words);
  });
  element('backends').replaceChildren(...rows);
}

/** The backend selected. */
export function currentBackend(): BackendName {
  const chosen = document.querySelector<HTMLInputElement>('input[name=backend]:checked');
  if (chosen == null) throw new Error('Choose a backend.');
  return chosen.value as BackendName;
}

/** Locks the form while a run has its settings. */
export function lockForm(locked: boolean): void {
  element<HTMLFieldSetElement>('setup-fields').disabled = locked;
}
