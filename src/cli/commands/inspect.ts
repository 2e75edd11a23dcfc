import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {Command} from 'commander';
import {openFolder} from '../../io/index.js';
import {countParameters} from '../../models/llama/count_parameters.js';
import {buildLlama} from '../../models/llama/llama.js';
import {resolveLlamaConfig, type LlamaConfig} from '../../models/llama/llama_config.js';
import {checkWeights, readConfig} from '../../models/llama/load_llama.js';
import {describeSplit} from '../../pipeline/describe_split.js';
import {formatBytes, formatNumber} from '../report/format.js';
import {terminalTable} from '../report/terminal_table.js';
import {findModelFolder} from '../training/find_model.js';
import {bringUpBackend} from '../training/open_model.js';
import {withExamples} from './example_help.js';
import {inspectEnergy} from './inspect_energy.js';
import {backendOption, wholeNumber} from './options.js';

interface InspectOptions {
  stages?: string;
  rank?: number;
  wire: string;
  json?: boolean;
  energy?: boolean;
  text?: string[];
  tokens?: number;
  context?: number;
  tokenizer?: string;
  backend: string;
}

/** `inspect`: what a model is made of and how it would be split. */
export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('show layers, parameters, and how a split into stages would fall')
    .argument('<model>', 'Hugging Face folder, checkpoint, or folder of a run')
    .option('--stages <number or names>', 'stages to split into (default: as trained, else 4)')
    .option('--rank <number>', 'put boundaries of this rank in, if the model has none', wholeNumber)
    .option('--wire <codec>', 'number format between stages', 'bfloat16')
    .option('--json', 'print as JSON')
    .option('--energy', 'run text through the model: which rank keeps how much, at each cut')
    .option(
      '--text <values...>',
      "with --energy: files, folders or patterns (default: held-out text of the run, else the demo's)",
    )
    .option(
      '--tokens <number>',
      'with --energy: tokens to measure on (default: 64 a dimension)',
      wholeNumber,
    )
    .option(
      '--context <number>',
      'with --energy: tokens a sequence (default: the most the model takes)',
      wholeNumber,
    )
    .option('--tokenizer <path>', 'with --energy: tokenizer.json, where none is beside the model')
    .addOption(backendOption())
    .action(inspect);
  return withExamples(command, [
    ['A checkpoint of a run', 'tfjs-mapl inspect runs/demo-mapl'],
    ['What compression would save', 'tfjs-mapl inspect ./my-llama --stages 8 --rank 256'],
    ['Which rank it needs', 'tfjs-mapl inspect ./my-llama --energy --text book.txt --stages 8'],
  ]);
}

/** Options that ask for something else than the others do, so that no word of a user is passed over. */
function refuseIdle(options: InspectOptions): void {
  const idle = options.energy
    ? (['rank'] as const)
    : (['text', 'tokens', 'context', 'tokenizer'] as const);
  const given = idle.find((name) => options[name] !== undefined);
  if (given == null) return;
  throw new Error(
    options.energy
      ? `--${given} has no effect with --energy, which looks at all ranks: leave it out.`
      : `--${given} has an effect with --energy only: add that, or leave it out.`,
  );
}

/** A number of stages, or names. */
function stagesOf(text: string): number | string[] {
  const number = Number(text);
  return Number.isNaN(number) ? text.split(',') : number;
}

async function inspect(given: string, options: InspectOptions): Promise<void> {
  refuseIdle(options);
  if (options.energy) {
    const stages = options.stages == null ? undefined : stagesOf(options.stages);
    return inspectEnergy(given, {...options, stages});
  }
  const folder = await findModelFolder(given);
  const files = openFolder(folder);
  const source = await readConfig(files);
  const file = path.join(folder, 'config.json');
  let config = resolveLlamaConfig(source as unknown as LlamaConfig, file);
  const {wire, rank} = options;
  if (rank != null && config.mapl != null) {
    throw new Error(
      `--rank is ${rank}, but '${folder}' has boundaries already, of rank ${config.mapl.rank}: leave it out.`,
    );
  }
  await checkWeights(files, config);
  const trained = config.mapl?.stages ?? Math.min(4, config.num_hidden_layers);
  const stages = stagesOf(options.stages ?? String(trained));
  if (rank != null) {
    if (typeof stages !== 'number') {
      throw new Error(
        '--rank needs --stages to be a number: boundaries are put after equal parts.',
      );
    }
    config = resolveLlamaConfig({...config, mapl: {stages, rank}} as LlamaConfig, file);
  }
  // Nothing is computed, so the backend that is always there will do; weights stay zeros.
  await bringUpBackend('cpu');
  const parameters = countParameters({...config, mapl: config.mapl ?? undefined});
  const model = buildLlama(config, false);
  const split = describeSplit(model, {stages, wire, vocabSize: config.vocab_size});
  model.dispose();
  const trainer = await readFile(path.join(folder, 'trainer_state.json'), 'utf8').catch(() => null);
  const step = trainer ? (JSON.parse(trainer) as {step?: number}).step : undefined;
  if (options.json) {
    console.log(JSON.stringify({folder, step, config, parameters, split}, null, 2));
    return;
  }
  console.log(`${folder}${step == null ? '' : `, after step ${step}`}`);
  console.log(
    `LLaMA: d = ${config.hidden_size}, ${config.num_hidden_layers} layers, ` +
      `${config.num_attention_heads} heads (${config.num_key_value_heads} of keys and values), ` +
      `feed-forward ${config.intermediate_size}, vocabulary ${config.vocab_size}, ` +
      `context ${config.max_position_embeddings}` +
      (config.mapl ? `; MAPL rank ${config.mapl.rank}, ${config.mapl.projector} projectors` : ''),
  );
  const layers = parameters.layers.map(({name, count}) => [name, count.toLocaleString('en-US')]);
  layers.push(['total', parameters.total.toLocaleString('en-US')]);
  console.log(terminalTable({head: ['Layer', 'Parameters'], rows: layers}));
  const total = {forward: 0, backward: 0, plain: 0};
  const rows = split.map(({index, layers, parameters: own, boundary}) => {
    const names = layers.length > 4 ? [layers[0], '…', ...layers.slice(-2)] : layers;
    const row = [String(index), names.join('\n'), own.toLocaleString('en-US')];
    if (!boundary) return [...row, '', '', '', ''];
    const {forward, ids, backward, uncompressed, projectorPerStep} = boundary;
    total.forward += forward + ids;
    total.backward += backward;
    total.plain += uncompressed;
    return [
      ...row,
      ids ? `${formatNumber(forward)} + ${ids} ids` : formatNumber(forward),
      formatNumber(backward),
      formatNumber(uncompressed),
      projectorPerStep ? formatBytes(projectorPerStep) : '',
    ];
  });
  console.log(
    terminalTable({
      head: [
        'Stage',
        'Layers',
        'Parameters',
        'Bytes/token forward',
        'backward',
        'plain, each',
        'Projector/step',
      ],
      rows,
    }),
  );
  if (total.plain) {
    const ratio = (2 * total.plain) / (total.forward + total.backward);
    console.log(
      `All boundaries, ${wire}: ${formatNumber(total.forward)} bytes a token forward, ` +
        `${formatNumber(total.backward)} backward; ${ratio.toFixed(2)} times less than plain activations.`,
    );
  }
}
