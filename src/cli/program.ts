import {Command, CommanderError} from 'commander';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {packageRoot} from '../data/package_root.js';
import {demoCommand} from './commands/demo.js';
import {doctorCommand} from './commands/doctor.js';
import {evalCommand} from './commands/eval.js';
import {generateCommand} from './commands/generate.js';
import {inspectCommand} from './commands/inspect.js';
import {setupCommand} from './commands/setup.js';
import {stageCommand} from './commands/stage.js';
import {trainCommand} from './commands/train.js';

/** The program with all its commands. */
export async function makeProgram(): Promise<Command> {
  const root = await packageRoot();
  const {version} = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const program = new Command('tfjs-mapl')
    .description(
      'Train LLaMA models split into pipeline stages over slow networks, with learned subspace ' +
        'compression (MAPL) between stages.',
    )
    .version(version)
    .showHelpAfterError('(add --help for all options)')
    .showSuggestionAfterError()
    .exitOverride();
  const commands = [
    demoCommand(),
    trainCommand(),
    evalCommand(),
    generateCommand(),
    inspectCommand(),
    setupCommand(),
    doctorCommand(),
  ];
  for (const command of commands) {
    command.exitOverride().showHelpAfterError('(add --help for all options)');
    program.addCommand(command);
  }
  program.addCommand(stageCommand(), {hidden: true});
  return program;
}

/**
 * Runs the program; errors are one message, with the stack where `DEBUG` is set.
 *
 * @param args Arguments without node and script.
 * @return The exit code, or null while a stage process goes on serving.
 */
export async function main(args: string[]): Promise<number | null> {
  try {
    const program = await makeProgram();
    await program.parseAsync(args, {from: 'user'});
    return args[0] === 'stage' ? null : Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    const {message, stack} = error as Error;
    console.error(`Error: ${process.env.DEBUG ? stack : message}`);
    return 1;
  }
}
