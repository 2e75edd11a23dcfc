import {existsSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {latestCheckpoint} from '../../pipeline/checkpoint.js';

/** Whether a folder has the `config.json` of a model (and not that of a run). */
function isModelFolder(folder: string): boolean {
  const file = path.join(folder, 'config.json');
  if (!existsSync(file)) return false;
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as {model_type?: string}).model_type != null;
  } catch {
    // Broken JSON is for the loader to complain about, by name.
    return true;
  }
}

/**
 * The model folder that a path on the command line means.
 *
 * @param given A Hugging Face folder, a checkpoint, or the folder of a run (its last checkpoint is taken).
 * @return A folder with a model's `config.json`.
 * @throws Error when there is none.
 */
export async function findModelFolder(given: string): Promise<string> {
  if (!existsSync(given) || !statSync(given).isDirectory()) {
    throw new Error(`There is no folder '${given}' to read a model from.`);
  }
  if (isModelFolder(given)) return given;
  const last =
    (await latestCheckpoint(path.join(given, 'checkpoints'))) ?? (await latestCheckpoint(given));
  if (last) return last.folder;
  throw new Error(
    `'${given}' is no model: expected a Hugging Face folder (config.json, model.safetensors), a ` +
      'checkpoint, or the folder of a run that has written one.',
  );
}
