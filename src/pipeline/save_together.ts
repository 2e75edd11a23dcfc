/** How the stages of a pipeline write a checkpoint together, over the lines of the pipeline itself. */
import {beginCheckpoint, commitCheckpoint, writeShard, type ShardInfo} from './write_checkpoint.js';
import {pruneCheckpoints} from './checkpoint_folders.js';
import type {Side} from './lines.js';
import type {StageTools} from './stage_tools.js';
import type {SaveArgs} from './trainer_args.js';
import type {JsonValue} from './wire/index.js';

/**
 * The first stage makes the folder and tells the others; all write their part at the same time; what they wrote is gathered towards the
 * first stage, which completes the checkpoint, puts it in its place, and says so.
 *
 * @returns Where the checkpoint is.
 */
export async function saveTogether(
  {lines, stage, optimizer, crossings}: StageTools,
  {format, target, run, keep}: SaveArgs,
): Promise<string> {
  const {step} = lines.at;
  const tell = (side: Side, message: JsonValue) =>
    lines.send(side, {type: 'control', step, message});
  const begun = await lines.take('previous', 'control', step);
  if (begun == null && target == null) {
    throw new Error('save({target}) is missing: the first stage says where the checkpoint goes');
  }
  const folder =
    begun == null ? await beginCheckpoint(target!) : (begun.message as {folder: string}).folder;
  await tell('next', {folder});
  const own = await writeShard(folder, stage, format, optimizer, crossings.ends());
  const below = await lines.take('next', 'control', step);
  const rest = (below?.message as {shards: JsonValue} | undefined)?.shards ?? [];
  const shards = [own, ...(rest as unknown as ShardInfo[])];
  await tell('previous', {shards: shards as unknown as JsonValue});
  const done = await lines.take('previous', 'control', step);
  const place = done == null ? target! : (done.message as {place: string}).place;
  if (done == null) {
    await commitCheckpoint(folder, place, format, shards, {step, run});
    if (keep != null) {
      await pruneCheckpoints((await import('node:path')).dirname(place), keep);
    }
  }
  await tell('next', {place});
  await lines.flush();
  return place;
}
