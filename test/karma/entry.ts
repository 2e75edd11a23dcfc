/** Runs the backend suite in a browser: the backend first, then the specs, then Jasmine. */
import {setWasmFiles} from '../../src/backends/index.js';
import {installLeakGuard} from '../support/leak_guard.js';
import {useBackend} from '../support/use_backend.js';

interface Karma {
  config: {backend: string};
  loaded(): void;
  start(): void;
  error(message: string): void;
}

const karma = (globalThis as unknown as {__karma__: Karma}).__karma__;
// Karma would start when the page is loaded; the backend takes longer.
karma.loaded = () => {};

async function main(): Promise<void> {
  setWasmFiles('/wasm/');
  await useBackend(karma.config.backend);
  installLeakGuard();
  await import('mapl:specs');
  karma.start();
}

main().catch((error: Error) => karma.error(error.stack ?? String(error)));
