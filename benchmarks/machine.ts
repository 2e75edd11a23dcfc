/** What the numbers were measured on. */
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGB: number;
  node: string;
  versions: Record<string, string>;
  /** Load of the machine before the run: results are only worth something near 0. */
  load: number;
}

export function describeMachine(): Machine {
  const require = createRequire(import.meta.url);
  const versions: Record<string, string> = {};
  for (const name of ['tfjs-core', 'tfjs-node', 'tfjs-backend-wasm']) {
    const file = require.resolve(`@tensorflow/${name}/package.json`);
    versions[name] = (JSON.parse(readFileSync(file, 'utf8')) as {version: string}).version;
  }
  return {
    cpu: os.cpus()[0]?.model.trim() ?? process.arch,
    cores: os.availableParallelism(),
    memoryGB: Math.round(os.totalmem() / 1e9),
    node: process.version,
    versions,
    load: Number(os.loadavg()[0].toFixed(2)),
  };
}
