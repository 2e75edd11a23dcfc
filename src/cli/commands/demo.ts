import {existsSync} from 'node:fs';
import {Command} from 'commander';
import {addConfigFlags, configFromOptions} from '../config/flags.js';
import type {RunConfig} from '../config/schema.js';
import {boundaryTable} from '../report/boundary_table.js';
import {comparisonTable, methodName} from '../report/comparison.js';
import {reportPage, type ReportedRun, type TextSample} from '../report/report_page.js';
import {terminalTable} from '../report/terminal_table.js';
import {RunFolder} from '../run/run_folder.js';
import {runTraining} from '../run/run_training.js';
import {writeFileAtomic} from '../../data/cache_folder.js';
import {continueText} from '../training/continue_text.js';
import {bringUpBackend, openModel} from '../training/open_model.js';
import {withExamples} from './example_help.js';

/** Prompt of the sample; it is in neither corpus. */
const PROMPT = 'The old captain looked at the';
/** Tokens of the sample. */
const SAMPLE_TOKENS = 80;

/**
 * Steps of each of the two runs, by backend: what fits into ten minutes on two cores, all in all. The slow
 * backends show that everything works; they don't get far.
 */
const STEPS: Record<string, number> = {tensorflow: 500, webgpu: 500, wasm: 100, cpu: 10};

/** `demo`: the same model with and without compression. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description(
      'train the same small LLaMA on English text twice, uncompressed and with MAPL, each stage in its ' +
        'own process, and compare',
    )
    .option('-n, --name <name>', "name of the runs' folders", 'demo')
    .action(demo);
  return withExamples(addConfigFlags(command), [
    ['All of it, at most ten minutes', 'tfjs-mapl demo'],
    ['A quick look', 'tfjs-mapl demo --steps 50'],
    ['Eight times less', 'tfjs-mapl demo --rank 16 --name demo8'],
  ]);
}

async function demo(options: Record<string, unknown>): Promise<void> {
  const started = Date.now();
  const log = (line: string) => console.log(line);
  const name = options.name as string;
  const asked = await configFromOptions(options);
  const selection = await bringUpBackend(asked.backend.backend);
  log(`Backend: ${selection.name} (${selection.description}), because ${selection.why}.`);
  for (const {name: other, reason} of selection.rejected) log(`  not ${other}: ${reason}`);
  const base = {
    training: {steps: STEPS[selection.name] ?? 50},
    backend: {backend: selection.name},
    output: {validateEvery: 100, diagnosticsEvery: 50, checkpointEvery: 100},
  };
  const config = await configFromOptions(options, base);
  config.backend.backend = selection.name as RunConfig['backend']['backend'];
  const methods: Array<[string, RunConfig['compression']['method']]> = [
    ['uncompressed', 'none'],
    ['mapl', config.compression.method === 'none' ? 'mapl' : config.compression.method],
  ];
  const together = RunFolder.open(config.output.runs, name, 'replace');
  if (existsSync(together.file('config.json'))) {
    throw new Error(
      `'${together.path}' is a run of train; the demo would write its report into it. Choose another --name.`,
    );
  }
  const runs: Array<ReportedRun & {folder: RunFolder}> = [];
  for (const [label, method] of methods) {
    const own = {...config, compression: {...config.compression, method}};
    const folder = RunFolder.open(config.output.runs, `${name}-${label}`, 'replace');
    const summary = await runTraining({
      config: own,
      run: folder,
      resume: false,
      title: label,
      why: selection.why,
      log,
    });
    if (summary.status === 'stopped') {
      log('Stopped: a comparison needs both runs to their end.');
      return;
    }
    runs.push({summary, metrics: folder.metrics(), folder});
  }
  const summaries = runs.map(({summary}) => summary);
  const samples: TextSample[] = [];
  for (const {summary, folder} of runs) {
    const text = await sample(folder.file(summary.checkpoint as string), selection.name);
    samples.push({run: methodName(summary), prompt: PROMPT, text});
  }
  log(`\n${terminalTable(comparisonTable(summaries))}`);
  log(terminalTable(boundaryTable(summaries)));
  for (const {run, prompt, text} of samples) log(`\n${run}: ${prompt}${text}`);
  const title = `MAPL demo: ${config.training.steps} steps on English text`;
  await writeFileAtomic(together.file('report.html'), reportPage(title, runs, samples));
  const comparison = {runs: summaries, samples, seconds: (Date.now() - started) / 1000};
  await writeFileAtomic(together.file('summary.json'), `${JSON.stringify(comparison, null, 2)}\n`);
  log(`\nReport: ${together.file('report.html')}`);
  log(`Try: tfjs-mapl generate ${runs[1].folder.path} --prompt "Once upon a time"`);
}

/** Text by a run's last checkpoint. */
async function sample(checkpoint: string, backend: string): Promise<string> {
  const {model, tokenizer} = await openModel(checkpoint, backend);
  let text = '';
  const options = {maxTokens: SAMPLE_TOKENS, temperature: 0.7, topK: 40, seed: 1};
  for await (const piece of continueText(model, tokenizer, PROMPT, options)) text += piece;
  model.dispose();
  return text;
}
