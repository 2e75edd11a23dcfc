import {existsSync} from 'node:fs';
import path from 'node:path';
import {readSettings} from '../config/load_config.js';
import type {RunConfig} from '../config/schema.js';
import {parseStored} from '../config/stored_config.js';

/** The configuration of the run a checkpoint belongs to; the defaults for any other model. */
export async function runConfigOf(folder: string): Promise<RunConfig> {
  const file = path.join(path.dirname(path.dirname(path.resolve(folder))), 'config.json');
  const inRun = path.basename(path.dirname(path.resolve(folder))) === 'checkpoints';
  return parseStored(inRun && existsSync(file) ? await readSettings(file) : {}, file);
}
