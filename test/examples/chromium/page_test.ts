/** The page that trains, in a real Chromium, with clicks. */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {chromium, type Browser, type Page} from 'playwright-core';
import {Session} from '../../../examples/browser/session.js';
import {DEFAULTS} from '../../../examples/browser/settings.js';
import {bytes} from '../../../examples/browser/vocabulary.js';
import {selectBackend} from '../../../src/backends/index.js';
import {PAGE_FOLDER, runExample, serveBelow, type Served} from './support/served_page.js';

const root = path.resolve(import.meta.dirname, '../../..');
const require = createRequire(import.meta.url);
const {FLAGS} = require('../../karma/chromium_flags.cjs') as {FLAGS: string[]};

const TEXT = 'The ship sailed. Das Schiff fuhr. 船は出た。 Корабль отплыл. '.repeat(80);

describe('page that trains', () => {
  let browser: Browser;
  let served: Served;
  let below: Served;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    const systemPackages = path.join(root, 'scripts', 'system_packages.mjs');
    const {findChromium} = (await import(systemPackages)) as {findChromium(): string | null};
    const executablePath = findChromium();
    if (executablePath == null) {
      throw new Error('No Chromium is found: install it (Debian: apt-get install chromium).');
    }
    served = await runExample();
    below = await serveBelow(PAGE_FOLDER);
    browser = await chromium.launch({executablePath, args: FLAGS});
  });

  afterAll(async () => {
    await browser?.close();
    await below?.stop();
    await served?.stop();
  });

  beforeEach(async () => {
    const context = await browser.newContext({viewport: {width: 1360, height: 1200}});
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    // tsx gives functions their names with a helper, also those that Playwright sends to the page.
    await page.addInitScript({content: 'globalThis.__name = (named) => named;'});
    errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
  });

  afterEach(async () => {
    expect(errors).withContext('errors nobody handled').toEqual([]);
    await page.context().close();
  });

  const text = async (id: string) => (await page.textContent(`#${id}`)) ?? '';
  const stepNow = async () => Number((await text('step')).replace(/\D/g, ''));
  const statusIs = (words: string) =>
    page.waitForFunction(
      (wanted) => document.getElementById('status')!.textContent!.includes(wanted),
      words,
    );
  const stepIs = (step: number) =>
    page.waitForFunction(
      (wanted) =>
        Number(document.getElementById('step')!.textContent!.replace(/\D/g, '')) >= wanted,
      step,
    );

  /** Opens the page and asks for the smallest model there is. */
  async function open(url: string, backend: string): Promise<void> {
    await page.goto(url);
    await statusIs('Ready.');
    await page.check(`#backend-${backend}`);
    await page.selectOption('#size', 'tiny');
    await page.selectOption('#stages', '2');
    await page.click('text=More settings');
    await page.selectOption('#vocabulary', 'bytes');
    await page.selectOption('#context', '32');
    await page.selectOption('#batchSize', '2');
  }

  /** Starts training on the text in the box, or goes on, until there are `steps` steps. */
  async function trainTo(steps: number): Promise<void> {
    await page.click('#toggle');
    await stepIs(steps);
  }

  async function pause(): Promise<void> {
    await page.click('#toggle');
    await statusIs('Paused at step');
  }

  /** Puts `change` into the stored run. @returns The steps and losses in it. */
  const changeStored = (change: object) =>
    page.evaluate(async (entries) => {
      const wait = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await wait(indexedDB.open('tfjs-mapl-example'));
      const runs = database.transaction('runs', 'readwrite').objectStore('runs');
      const run = (await wait(runs.get('run'))) as {history: Array<{step: number; loss: number}>};
      await wait(runs.put({...run, ...entries}, 'run'));
      database.close();
      return run.history;
    }, change);
  const storedHistory = () => changeStored({});

  /** The first losses of the smallest model in plain JavaScript, here in Node. */
  async function lossesInNode(steps: number): Promise<number[]> {
    await selectBackend({prefer: 'cpu'});
    const smallest = {size: 'tiny', stages: 2, vocabulary: 'bytes', context: 32, batchSize: 2};
    const settings = {...DEFAULTS, ...smallest} as typeof DEFAULTS;
    const session = Session.start(settings, bytes, await bytes.encode(TEXT));
    const losses: number[] = [];
    while (losses.length < steps) losses.push(await session.trainStep());
    session.dispose();
    return losses;
  }

  it('trains on pasted text, pauses, and goes on after a reload', async () => {
    await open(served.url, 'wasm');
    await page.fill('#text', TEXT);
    expect(await text('text-note')).toContain(TEXT.length.toLocaleString('en'));
    await page.fill('#every', '10');
    await trainTo(20);
    await pause();
    const paused = await stepNow();
    expect(paused).toBeGreaterThanOrEqual(20);
    const before = await storedHistory();
    const mean = (points: Array<{loss: number}>) =>
      points.reduce((sum, {loss}) => sum + loss, 0) / points.length;
    expect(mean(before.slice(-5))).toBeLessThan(mean(before.slice(0, 5)) - 0.5);
    expect((await text('sample')).length).toBeGreaterThan('The '.length + 20);
    expect(await text('boundaries')).toMatch(/0 → 1\d+\.\d %\d+\.\d %\d\.\de-\d/);

    await page.reload();
    await statusIs('Ready.');
    expect(await text('stored-text')).toContain(`A run of ${paused} steps`);
    expect(await text('stored-text')).toContain('The ship sailed.');
    await page.click('#restore');
    await stepIs(paused + 5);
    await pause();
    const after = await storedHistory();
    expect(after.map(({step}) => step)).toEqual(after.map((_, i) => i + 1));
    expect(after.length).toBeGreaterThanOrEqual(paused + 5);
    expect(after.slice(0, paused)).toEqual(before);
    // As good as before the reload: the weights came back, and so did the momenta.
    expect(mean(after.slice(paused, paused + 5))).toBeLessThan(mean(before.slice(0, 5)) - 0.5);

    const folder = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-page-'));
    const shot = await page.screenshot();
    writeFileSync(path.join(folder, 'page.png'), shot);
    expect(await colours(shot))
      .withContext('colours of the screenshot')
      .toBeGreaterThan(50);
    expect(await chartPixels())
      .withContext('pixels of the curve')
      .toBeGreaterThan(100);
    rmSync(folder, {recursive: true});

    await page.setViewportSize({width: 360, height: 740});
    for (const selector of ['html', '.scroll']) {
      const widths = await page.$eval(selector, (at) => [at.scrollWidth, at.clientWidth]);
      expect(widths[0]).withContext(`${selector} on a phone`).toBeLessThanOrEqual(widths[1]);
    }

    await page.click('#reset');
    await statusIs('Ready.');
    await page.reload();
    await statusIs('Ready.');
    expect(await page.isVisible('#stored')).toBe(false);
  });

  it('writes a sample when asked to, trains on a dropped file, by keyboard alone', async () => {
    await open(below.url, 'wasm');
    const file = await page.evaluateHandle((content) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], 'dropped.txt', {type: 'text/plain'}));
      return transfer;
    }, TEXT);
    await page.dispatchEvent('#drop', 'drop', {dataTransfer: file});
    await page.waitForFunction(
      () => (document.getElementById('text') as HTMLTextAreaElement).value !== '',
    );
    const missed = await page.evaluate((dataTransfer) => {
      const event = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
      return !document.getElementById('sample')!.dispatchEvent(event);
    }, file);
    expect(missed).withContext('a file beside its place does not replace the page').toBe(true);
    await page.focus('#toggle');
    await page.keyboard.press('Enter');
    await stepIs(2);
    await page.keyboard.press('Enter');
    await statusIs('Paused at step');
    await page.fill('#prompt', 'Das ');
    await page.focus('#write');
    await page.keyboard.press('Enter');
    await statusIs('Writing a sample');
    await statusIs('Paused at step');
    expect((await text('sample')).startsWith('Das ')).toBe(true);
    expect((await text('sample')).length).toBeGreaterThan('Das '.length + 20);
  });

  it('says what is wrong with a text or a setting', async () => {
    await open(below.url, 'wasm');
    await page.click('#toggle');
    await page.waitForSelector('#alert:not([hidden])');
    expect(await text('alert-text')).toContain('There is no text yet');
    await page.fill('#text', 'Too short.');
    await page.click('#toggle');
    await page.waitForFunction(() =>
      document.getElementById('alert-text')!.textContent!.includes('too short'),
    );
    expect(await text('alert-text')).toContain('it has 10 tokens, and a sequence takes 33');
    await page.fill('#text', TEXT);
    await page.fill('#learningRate', '7');
    await page.click('#toggle');
    await page.waitForFunction(() =>
      document.getElementById('alert-text')!.textContent!.includes('Learning rate is 7'),
    );
    expect(await text('toggle')).toBe('Start training');
  });

  it('tells what the last visit died of, and leaves a run in another tab alone', async () => {
    await open(below.url, 'wasm');
    // A tab that dies leaves its mark behind, one that is closed takes it along.
    await page.evaluate(() => localStorage.setItem('tfjs-mapl-example.running', '7'));
    await page.reload();
    await statusIs('Ready.');
    expect(await text('alert-text')).toContain('in the middle of training, at step 7');

    await page.fill('#text', TEXT);
    await trainTo(1);
    const other = await page.context().newPage();
    await other.goto(below.url);
    await other.waitForFunction(() => document.getElementById('status')!.textContent === 'Ready.');
    expect(await other.isVisible('#alert')).toBe(false);
    await other.check('#backend-wasm');
    await other.fill('#text', TEXT);
    await other.click('#toggle');
    await other.waitForSelector('#alert:not([hidden])');
    expect(await other.textContent('#alert-text')).toContain('Another tab of this page has a run');
    expect(await text('status')).toContain('Training on wasm');

    await pause();
    await other.reload();
    await other.click('#discard');
    await other.waitForSelector('#alert:not([hidden])');
    expect(await other.isVisible('#stored')).toBe(true);
    expect((await storedHistory()).length).toBe(await stepNow());
  });

  it('takes every click, however soon after the last', async () => {
    await open(below.url, 'wasm');
    await page.fill('#text', TEXT);
    await trainTo(1);
    await pause();
    // Resume, and pause before the page has had a turn.
    await page.evaluate(() => {
      const toggle = document.getElementById('toggle')!;
      for (let i = 0; i < 3; i++) toggle.click();
    });
    await statusIs('Paused at step');
    await trainTo((await stepNow()) + 1);
  });

  it('says that a stored run is damaged, and goes on without it', async () => {
    await open(below.url, 'wasm');
    await page.fill('#text', TEXT);
    await trainTo(1);
    await pause();
    await changeStored({weights: null});
    await page.reload();
    await statusIs('Ready.');
    expect(await text('alert-text')).toBe(
      'The stored run cannot go on: a part of it is missing. A new run takes its place.',
    );
    expect(await page.isVisible('#stored')).toBe(false);
    await page.check('#backend-wasm');
    await page.selectOption('#size', 'tiny');
    await page.fill('#text', TEXT);
    await trainTo(1);
    expect(await page.isVisible('#alert')).toBe(false);
  });

  it('gives the reason where a backend is missing', async () => {
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'gpu', {get: () => undefined});
    });
    await page.goto(below.url);
    await statusIs('Ready.');
    expect(await page.isDisabled('#backend-webgpu')).toBe(true);
    expect(await text('backend-webgpu-note')).toContain('missing: This browser has no WebGPU');
  });

  it('trains on webgl, and says when the browser takes its context away', async () => {
    await page.addInitScript(() => {
      for (const {prototype} of [HTMLCanvasElement, OffscreenCanvas]) {
        const original = prototype.getContext;
        const remember = function (this: unknown, ...args: never[]) {
          const made: unknown = Reflect.apply(original, this, args);
          if (made instanceof WebGL2RenderingContext) Object.assign(window, {lastContext: made});
          return made;
        };
        Object.assign(prototype, {getContext: remember});
      }
    });
    await open(below.url, 'webgl');
    await page.fill('#text', TEXT);
    await trainTo(3);
    await pause();
    const losses = (await storedHistory()).map(({loss}) => loss);
    const expected = await lossesInNode(3);
    expect(expected[2]).toBeLessThan(expected[0]);
    expected.forEach((loss, i) =>
      expect(losses[i])
        .withContext(`step ${i + 1}`)
        .toBeCloseTo(loss, 2),
    );
    await page.click('#toggle');
    await statusIs('Training on webgl');
    await page.evaluate(() => {
      const {lastContext} = window as unknown as {lastContext: WebGL2RenderingContext};
      lastContext.getExtension('WEBGL_lose_context')!.loseContext();
    });
    await page.waitForSelector('#alert:not([hidden])');
    expect(await text('alert-text')).toContain('the browser took the WebGL context away');
    expect(await text('status')).toContain('Stopped at step');
    expect(await page.isVisible('#reload')).toBe(true);
  });

  it('says when the WebGPU device is lost', async () => {
    await page.addInitScript(() => {
      const {GPUAdapter} = window as unknown as {
        GPUAdapter: {prototype: {requestDevice(...args: unknown[]): Promise<object>}};
      };
      const original = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await Reflect.apply(original, this, args);
        Object.assign(window, {device});
        return device;
      };
    });
    await open(below.url, 'webgpu');
    await page.fill('#text', TEXT);
    await page.click('#toggle');
    await statusIs('Training on webgpu');
    await page.evaluate(() => {
      (window as unknown as {device: {destroy(): void}}).device.destroy();
    });
    await page.waitForSelector('#alert:not([hidden])');
    expect(await text('alert-text')).toContain('The GPU device was lost');
    expect(await page.isVisible('#reload')).toBe(true);
  });

  /** Different colours in a picture. */
  function colours(png: Buffer): Promise<number> {
    return page.evaluate(
      async (data) => {
        const image = await createImageBitmap(await (await fetch(data)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext('2d')!;
        context.drawImage(image, 0, 0);
        const pixels = new Uint32Array(
          context.getImageData(0, 0, image.width, image.height).data.buffer,
        );
        return new Set(pixels).size;
      },
      `data:image/png;base64,${png.toString('base64')}`,
    );
  }

  /** Pixels of the chart of the loss in the colour of its curve. */
  function chartPixels(): Promise<number> {
    return page.evaluate(() => {
      const chart = document.getElementById('loss-chart')!;
      chart.style.color = 'var(--accent)';
      const [red, green, blue] = getComputedStyle(chart).color.match(/\d+/g)!.map(Number);
      const canvas = chart.querySelector('canvas')!;
      const {data} = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        const near = (at: number, wanted: number) => Math.abs(data[i + at] - wanted) < 8;
        if (data[i + 3] > 200 && near(0, red) && near(1, green) && near(2, blue)) count++;
      }
      return count;
    });
  }
});
