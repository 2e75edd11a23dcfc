import type {Command} from 'commander';

/** Adds examples under a command's help. */
export function withExamples(command: Command, examples: Array<[string, string]>): Command {
  const lines = examples.map(([what, line]) => `  # ${what}\n  $ ${line}`).join('\n\n');
  return command.addHelpText('after', `\nExamples:\n${lines}`);
}
