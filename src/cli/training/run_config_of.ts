import {existsSync} from 'node:fs';
import path from 'node:path';
import {parseConfig, readSettings} from '../config/load_config.js';
import type {RunConfig} from '../config/schema.js';

/** The configuration of the run a checkpoint belongs to; the defaults for any other model. */
export async function runConfigOf(folder: string): Promise<RunConfig> {
  const file = path.join(path.dirname(path.dirname(path.resolve(folder))), 'config.json');
  const inRun = path.basename(path.dirname(path.resolve(folder))) === 'checkpoints';
  return parseConfig(inRun && existsSync(file) ? await readSettings(file) : {}, file);
}
