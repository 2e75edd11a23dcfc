/** The page: what the buttons do, and in which order things may happen. */
import {
  BACKEND_NAMES,
  bringUp,
  probeBackend,
  type BackendName,
  type Probe,
  type RunningBackend,
} from './backends.js';
import {Charts} from './charts.js';
import {element} from './elements.js';
import {DeviceError, explain} from './faults.js';
import {History, type Point} from './history.js';
import {
  hideAlert,
  showAlert,
  showBoundaries,
  showPoint,
  showSample,
  showStatus,
  showTraffic,
} from './results_view.js';
import {Session} from './session.js';
import {
  currentBackend,
  currentSettings,
  currentText,
  lockForm,
  setText,
  setUpForm,
  showBackends,
  showSettings,
} from './setup_form.js';
import {
  claimStorage,
  diedAt,
  discardRun,
  isClaimed,
  loadRun,
  markRunning,
  releaseStorage,
  saveRun,
  type StoredRun,
} from './storage.js';
import {setUpTheme} from './theme.js';
import {guarded, TrainingLoop} from './training_loop.js';
import {cleanText, loadVocabulary, type Vocabulary} from './vocabulary.js';
import {yieldToPage} from './yield_to_page.js';

/** Milliseconds between redrawings of charts and numbers. */
const REDRAW_EVERY = 250;
const SAMPLE_TOKENS = 80;

/** A run on this page. */
interface Run {
  session: Session;
  text: string;
  history: History;
  backend: RunningBackend;
}

type State = 'idle' | 'busy' | 'running' | 'pausing' | 'paused' | 'broken';

const toggle = element<HTMLButtonElement>('toggle');
const reset = element<HTMLButtonElement>('reset');
const write = element<HTMLButtonElement>('write');
const charts = new Charts(element('loss-chart'), element('speed-chart'));

let state: State = 'busy';
let run: Run | null = null;
let loop: TrainingLoop | null = null;
let backend: RunningBackend | null = null;
let drawn = 0;
/** Then nothing works until the page is loaded again: tfjs does not make a second device. */
let deviceGone = false;

function enter(next: State, status: string): void {
  state = next;
  setUsable(toggle, next === 'idle' || next === 'running' || next === 'paused');
  toggle.textContent =
    next === 'running' || next === 'pausing' ? 'Pause' : run == null ? 'Start training' : 'Resume';
  reset.hidden = run == null;
  reset.disabled = !(next === 'paused' || (next === 'broken' && !deviceGone));
  setUsable(write, next === 'running' || next === 'paused');
  lockForm(next !== 'idle');
  showStatus(status);
}

/** A button that is `disabled` would lose the focus, and whoever uses the keyboard their place. */
function setUsable(button: HTMLButtonElement, usable: boolean): void {
  button.setAttribute('aria-disabled', String(!usable));
}

/** Starts something that a click asked for; what goes wrong is shown, never swallowed. */
function act(work: () => Promise<void>): void {
  work().catch(fail);
}

function fail(error: unknown): void {
  console.error(error);
  loop = null;
  if (run != null) markRunning(null);
  deviceGone ||= error instanceof DeviceError;
  if (run == null) {
    releaseStorage();
    enter(deviceGone ? 'broken' : 'idle', 'Not started.');
    showAlert(explain(error), {reload: deviceGone});
    return;
  }
  enter('broken', `Stopped at step ${run.session.step}.`);
  const start = deviceGone ? '' : 'Begin a new run, or reload';
  showAlert(`${explain(error)} ${start || 'Reload'} the page to go on from the last stored step.`, {
    reload: true,
  });
}

async function bringUpChosen(name: BackendName): Promise<RunningBackend> {
  if (backend?.name !== name) {
    showStatus(`Starting ${name}…`);
    await yieldToPage();
    backend = await bringUp(name);
  }
  return backend;
}

async function vocabularyOf(name: 'subwords' | 'bytes'): Promise<Vocabulary> {
  return loadVocabulary(name, async () => {
    const answer = await fetch(new URL('tokenizer.json', document.baseURI));
    if (!answer.ok) throw new Error(`tokenizer.json is not on this server (${answer.status}).`);
    return answer.json();
  });
}

/** The store, for this tab alone. */
async function takeStorage(): Promise<void> {
  if (await claimStorage()) return;
  throw new Error('Another tab of this page has a run. Close it, or begin a new run there, first.');
}

/** Makes a run ready: a new one, or the stored one. */
async function prepare(stored: {run: StoredRun; text: string} | null): Promise<void> {
  const settings = stored?.run.settings ?? currentSettings();
  const text = stored?.text ?? cleanText(currentText());
  const name = currentBackend();
  hideAlert();
  enter('busy', 'Reading the text…');
  await takeStorage();
  await yieldToPage();
  const vocabulary = await vocabularyOf(settings.vocabulary);
  const ids = await vocabulary.encode(text);
  const chosen = await bringUpChosen(name);
  showStatus('Making the model…');
  await yieldToPage();
  const making =
    stored == null
      ? Promise.resolve(Session.start(settings, vocabulary, ids))
      : Session.resume(stored.run, vocabulary, ids);
  const session = await guarded(making, chosen);
  run = {session, text, history: new History(stored?.run.history), backend: chosen};
  element('stored').hidden = true;
  showTraffic(session.traffic());
  showBoundaries([]);
  charts.show(run.history.points);
  showPoint(run.history.points.at(-1) ?? null);
}

async function trainUntilPaused(current: Run): Promise<void> {
  const {session, history} = current;
  const running = `Training on ${current.backend.name} (${current.backend.description}).`;
  hideAlert();
  loop = new TrainingLoop(session, current.backend, history, {
    step(point) {
      markRunning(point.step);
      if (state === 'running') showStatus(running);
      redraw(point);
    },
    boundaries: showBoundaries,
    sample: () => writeSample(current),
    sampleEvery: () => Math.trunc(Number(element<HTMLInputElement>('every').value) || 0),
    save: () => save(current),
  });
  // After the loop is there: the next click may come at once, and asks it to pause.
  enter('running', `${running} The first step takes longest.`);
  await yieldToPage();
  await loop.run();
  loop = null;
  markRunning(null);
  redraw(history.points.at(-1) ?? null, true);
  enter('paused', `Paused at step ${session.step}.`);
}

function redraw(point: Point | null, now = false): void {
  if (!now && performance.now() - drawn < REDRAW_EVERY) return;
  drawn = performance.now();
  showPoint(point);
  charts.show(run?.history.points ?? []);
}

async function writeSample({session, backend: device}: Run): Promise<void> {
  const prompt = element<HTMLInputElement>('prompt').value;
  const given = Number(element<HTMLInputElement>('temperature').value);
  const temperature = given >= 0 && given <= 2 ? given : 1;
  const options = {tokens: SAMPLE_TOKENS, temperature, seed: session.step};
  showSample(prompt, '…');
  for await (const text of session.sample(prompt, options)) {
    device.check();
    showSample(prompt, text);
    await yieldToPage();
  }
}

/** Training goes on when the browser has no room: the visitor is told. */
async function save(current: Run): Promise<void> {
  const {session, text, history} = current;
  const snapshot = await session.snapshot();
  current.backend.check();
  const title = text.trimStart().slice(0, 60).split('\n')[0];
  const points = history.points.slice();
  try {
    await saveRun({...snapshot, savedAt: Date.now(), history: points, title}, text);
  } catch (error) {
    showAlert(`${explain(error)} Training goes on, but cannot be resumed after a reload.`);
  }
}

async function onToggle(): Promise<void> {
  if (state === 'running') {
    enter('pausing', 'Finishing the step…');
    loop?.pause();
    return;
  }
  if (state !== 'idle' && state !== 'paused') return;
  if (run == null) await prepare(null);
  if (run != null) await trainUntilPaused(run);
}

async function onReset(): Promise<void> {
  toggle.focus();
  enter('busy', 'Clearing…');
  run?.session.dispose();
  run = null;
  await discardRun();
  releaseStorage();
  hideAlert();
  showPoint(null);
  showTraffic(null);
  showBoundaries([]);
  charts.show([]);
  enter('idle', 'Ready.');
}

async function onWrite(): Promise<void> {
  if (run == null) return;
  if (state === 'running') loop?.wantSample();
  if (state !== 'paused') return;
  enter('busy', 'Writing a sample…');
  await guarded(writeSample(run), run.backend);
  enter('paused', `Paused at step ${run.session.step}.`);
}

async function offerStoredRun(): Promise<void> {
  const stored = await loadRun();
  const died = (await isClaimed()) ? null : diedAt();
  if (died != null) markRunning(null);
  if (died != null) {
    const where = stored == null ? 'nothing was stored' : `step ${stored.run.step} is stored`;
    showAlert(
      `The last visit ended in the middle of training, at step ${died} (${where}): the tab may have run out of memory. ` +
        'If it does so again, choose a smaller model, a shorter context or fewer sequences a step.',
    );
  }
  if (stored == null) return;
  const {step, savedAt, title, settings} = stored.run;
  element('stored-text').textContent =
    `A run of ${step} steps on “${title}” is stored here, from ${new Date(savedAt).toLocaleString()}. ` +
    'Starting another one replaces it.';
  element('stored').hidden = false;
  const take = async () => {
    if (state !== 'idle') return;
    toggle.focus();
    showSettings(settings);
    setText(stored.text);
    await prepare(stored);
    enter('paused', `At step ${step}.`);
    await trainUntilPaused(run!);
  };
  element('restore').onclick = () => act(take);
  element('discard').onclick = () =>
    act(async () => {
      await takeStorage();
      await discardRun();
      releaseStorage();
      hideAlert();
      element('stored').hidden = true;
    });
}

async function open(): Promise<void> {
  showBoundaries([]);
  charts.show([]);
  const probes = await Promise.all(BACKEND_NAMES.map(probeBackend));
  const byName = Object.fromEntries(BACKEND_NAMES.map((name, i) => [name, probes[i]]));
  showBackends(byName as Record<BackendName, Probe>);
  await offerStoredRun().catch((error) => showAlert(explain(error)));
  enter('idle', 'Ready.');
}

setUpTheme(() => charts.restyle());
setUpForm(fail);
toggle.addEventListener('click', () => act(onToggle));
reset.addEventListener('click', () => act(onReset));
write.addEventListener('click', () => act(onWrite));
element('reload').addEventListener('click', () => location.reload());
// A tab in the background may be thrown away at any time.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) loop?.wantSave();
});
// Leaving the page is no accident.
addEventListener('pagehide', () => {
  if (run != null) markRunning(null);
});
// What nothing waits for must not vanish in the console.
addEventListener('unhandledrejection', ({reason}) => showAlert(explain(reason)));
addEventListener('error', ({error}) => {
  // Without an error it is only the browser's complaint about sizes that change while it draws.
  if (error != null) showAlert(explain(error));
});
act(open);
