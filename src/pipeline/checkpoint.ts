/**
 * Checkpoints that every stage writes a part of (Node only): weights in Hugging Face's layout, optimizer state by name of the weight,
 * and where the run stands. Written beside their place, and renamed there once they are complete and on disk.
 */
export {
  checkpointName,
  latestCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
} from './checkpoint_folders.js';
export type {CheckpointEntry} from './checkpoint_folders.js';
export {checkpointFormat} from './checkpoint_format.js';
export type {CheckpointFormat, CheckpointParameter} from './checkpoint_format.js';
export type {SavableOptimizer} from './optimizer_state.js';
export {readCheckpoint, readState} from './read_checkpoint.js';
export type {CheckpointState} from './read_checkpoint.js';
export {beginCheckpoint, commitCheckpoint, writeShard} from './write_checkpoint.js';
export type {ShardInfo} from './write_checkpoint.js';
