import {Command} from 'commander';
import {getMethod, methodNames} from '../../codecs/methods/index.js';
import {autoRank} from '../auto_rank/auto_rank.js';
import {Stopped} from '../auto_rank/run_trials.js';
import {takeAuto} from '../auto_rank/take_auto.js';
import {addConfigFlags, givenSettings} from '../config/flags.js';
import {parseConfig} from '../config/load_config.js';
import {reportPage} from '../report/report_page.js';
import {boundaryTable} from '../report/boundary_table.js';
import {methodName} from '../report/comparison.js';
import {terminalTable} from '../report/terminal_table.js';
import {resumeConfig} from '../run/resume_config.js';
import {defaultRunName, RunFolder} from '../run/run_folder.js';
import {runTraining} from '../run/run_training.js';
import {writeFileAtomic} from '../../data/cache_folder.js';
import {withExamples} from './example_help.js';
import {nonNegative, positive, wholeNumber} from './options.js';

/** Steps of a trial of `--auto-rank`. */
const TRIAL_STEPS = 60;
/** Share of a step that bytes may cost. */
const HIDE_SHARE = 0.1;

/** `train`: a model split into stages. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('train a LLaMA split into pipeline stages, each in its own process')
    .option('-n, --name <name>', "name of the run's folder (default: method and seed)")
    .option('--resume', 'go on from the last checkpoint of the run')
    .option('--force', 'replace a run of the same name')
    .option('--auto-rank', 'choose method, rank and codecs for --link (also: --rank auto)')
    .option(
      '--auto-rank-steps <number>',
      `with --auto-rank: steps of each trial, 0 to choose by energy (default: ${TRIAL_STEPS})`,
      wholeNumber,
    )
    .option(
      '--step-seconds <number>',
      'with --auto-rank: compute of a step, all stages together (default: measured)',
      positive,
    )
    .option(
      '--hide-share <share>',
      `with --auto-rank: share of a step that bytes may cost (default: ${HIDE_SHARE})`,
      nonNegative,
    )
    .action(run);
  return withExamples(withMethods(addConfigFlags(command)), [
    ['The reference run on the demo text', 'tfjs-mapl train --name first'],
    [
      'Your text, two stages, all in one process',
      'tfjs-mapl train --text books/ --stages 2 --processes 1',
    ],
    [
      'The compression that loses least over a link',
      'tfjs-mapl train --auto-rank --link 20mbit,40ms',
    ],
    ['Without compression, to compare', 'tfjs-mapl train --method none --name plain'],
    ['Go on after Ctrl-C', 'tfjs-mapl train --name first --resume'],
    [
      'Gradients in 8 bits, with everything else as MAPL has it',
      'tfjs-mapl train --method mapl --backward int8:stochastic,errorFeedback',
    ],
    [
      'Everything from a file, one setting changed',
      'tfjs-mapl train --config configs/demo.yaml --steps 100',
    ],
  ]);
}

/** Says under the help of a command what each compression method is. */
function withMethods(command: Command): Command {
  const width = Math.max(...methodNames().map((name) => name.length));
  const lines = methodNames().map((name) => {
    return `  ${name.padEnd(width)}  ${getMethod(name).summary}`;
  });
  return command.addHelpText('after', `\nMethods:\n${lines.join('\n')}`);
}

/** Ctrl-C before anything was trained is no failure, but no success either. */
function stoppedEarly(error: unknown): null {
  if (!(error instanceof Stopped)) throw error;
  console.log(error.message);
  process.exitCode = 130;
  return null;
}

async function run(options: Record<string, unknown>): Promise<void> {
  if (options.resume && options.force) {
    throw new Error('--resume goes on with a run, --force replaces it: give one of them.');
  }
  const {given, auto} = takeAuto(await givenSettings(options), options);
  const source = options.config ? `'${String(options.config)}' and the flags` : 'the flags';
  // Any rank will do until one is chosen.
  const any = auto ? {...given, compression: {...given.compression, rank: 1}} : given;
  let config = parseConfig(any, source);
  const {method} = config.compression;
  const name = (options.name as string) ?? defaultRunName(method, config.training.seed);
  const existing = options.resume ? 'resume' : options.force ? 'replace' : 'refuse';
  const folder = RunFolder.open(config.output.runs, name, existing);
  const log = (line: string) => console.log(line);
  if (options.resume) config = resumeConfig(folder.readConfig(), given);
  else if (auto) {
    const chosen = await autoRank(config, {
      given: given.compression ?? {},
      stepSeconds: options.stepSeconds as number | undefined,
      hideShare: (options.hideShare as number | undefined) ?? HIDE_SHARE,
      trialSteps: (options.autoRankSteps as number | undefined) ?? TRIAL_STEPS,
      log,
    }).catch(stoppedEarly);
    if (chosen === null) return;
    config = chosen;
  }
  const summary = await runTraining({
    config,
    run: folder,
    resume: !!options.resume,
    title: name,
    log,
  });
  if (summary.status === 'finished') {
    const page = reportPage(`${name}: ${methodName(summary)}`, [
      {summary, metrics: folder.metrics()},
    ]);
    await writeFileAtomic(folder.file('report.html'), page);
    if (summary.boundaries.length) log(terminalTable(boundaryTable([summary])));
    log(`Report: ${folder.file('report.html')}`);
  }
}
