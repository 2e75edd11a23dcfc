import {Command} from 'commander';
import {StageProcess} from '../launcher/stage_process.js';

/** `stage`: a stage process, started by the launcher and hidden from the help. */
export function stageCommand(): Command {
  return new Command('stage')
    .description('one stage of a run; started by train')
    .action(() => StageProcess.serve());
}
