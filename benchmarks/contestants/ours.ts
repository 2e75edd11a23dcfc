/**
 * This package: `ours.ts <backend> <folder> [rank]`. Writes the initial weights and the batch to the folder if it is empty.
 * With a rank the model has a boundary of that rank behind each of its blocks, trained by SPEL.
 */
import {existsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {selectBackend} from '../../src/backends/index.js';
import {llama, saveLlama} from '../../src/models/llama/index.js';
import {BATCH_FILE, CONFIG, makeBatch, readBatch} from '../step_task.js';
import {answerLines} from './answer_lines.js';
import {ourStep} from './our_step.js';
import {profileByOp} from './profile_by_op.js';
import {withBoundaries} from './with_boundaries.js';

const [backend, folder, rank] = process.argv.slice(2);
const {description} = await selectBackend({prefer: backend});
const model = rank == null ? llama(CONFIG) : withBoundaries(llama(CONFIG), Number(rank));
if (!existsSync(path.join(folder, BATCH_FILE))) {
  await saveLlama(model, folder);
  writeFileSync(path.join(folder, BATCH_FILE), JSON.stringify(makeBatch()));
}
const step = ourStep(model, readBatch(folder), rank != null);

await answerLines({description}, step, () => profileByOp(step));
