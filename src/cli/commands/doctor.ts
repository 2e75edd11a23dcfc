import {Command} from 'commander';
import {doctor, printDoctor} from '../doctor.js';
import {withExamples} from './example_help.js';

/** `doctor`: which backends work here. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'show which backends work here, how fast they are, what is missing and how to get it',
    )
    .option('--json', 'print as JSON')
    .action(async ({json}: {json?: boolean}) => {
      const report = await doctor();
      if (json) console.log(JSON.stringify(report, null, 2));
      else printDoctor(report);
    });
  return withExamples(command, [
    ['For people', 'tfjs-mapl doctor'],
    ['For programs', 'tfjs-mapl doctor --json'],
  ]);
}
