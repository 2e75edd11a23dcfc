import path from 'node:path';
import {beginCheckpoint, type ShardInfo} from '../../pipeline/checkpoint.js';
import {checkpointName, pruneCheckpoints} from '../../pipeline/checkpoint_folders.js';
import type {StageHandle} from '../launcher/messages.js';
import type {RunFolder} from './run_folder.js';

/** What to write, and how many to keep. */
export interface WriteCheckpointArgs {
  run: RunFolder;
  step: number;
  stages: StageHandle[];
  keep: number;
}

/**
 * Has every stage write its part of a checkpoint, the first stage complete it, and removes old ones. Until it
 * is complete the folder has another name: whoever reads sees the one before.
 *
 * @return The checkpoint's folder, relative to the run's.
 */
export async function writeCheckpoint(args: WriteCheckpointArgs): Promise<string> {
  const {run, step, stages, keep} = args;
  const name = checkpointName(step);
  const target = path.join(run.checkpoints, name);
  const folder = await beginCheckpoint(target);
  const results = await Promise.all(stages.map((stage) => stage.run({do: 'save', folder})));
  const shards = results.map(({shard}) => shard as ShardInfo);
  await stages[0].run({do: 'commit', folder, target, step, shards});
  await pruneCheckpoints(run.checkpoints, keep);
  return `checkpoints/${name}`;
}
