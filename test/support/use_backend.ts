/** Brings up the backend that a suite runs on. */
import {selectBackend} from '../../src/backends/index.js';

export async function useBackend(name: string): Promise<void> {
  const {description} = await selectBackend({prefer: name});
  console.warn(`backend ${name}: ${description}`);
}
