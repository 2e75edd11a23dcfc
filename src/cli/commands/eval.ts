import {Command} from 'commander';
import {splitDocuments} from '../../data/split_documents.js';
import {encodeDocuments} from '../../data/encode_documents.js';
import {evaluationBatches} from '../../data/token_batches.js';
import {evaluateModel} from '../training/evaluate_model.js';
import {openWithText, type TextOptions} from '../training/open_with_text.js';
import {withExamples} from './example_help.js';
import {backendOption, wholeNumber} from './options.js';

interface EvalOptions extends TextOptions {
  split?: 'train' | 'validation' | 'test' | 'all';
  batchSize: number;
  batches: number;
  json?: boolean;
}

/** `eval`: loss and perplexity of a model on text. */
export function evalCommand(): Command {
  const command = new Command('eval')
    .description('measure loss and perplexity of a model on text')
    .argument('<model>', 'Hugging Face folder, checkpoint, or folder of a run')
    .option(
      '--text <values...>',
      "files, folders or patterns (default: the run's text, else the demo's)",
    )
    .option(
      '--split <part>',
      'train, validation, test or all, split as by the run (default: test, or all of --text)',
    )
    .option('--tokenizer <path>', 'tokenizer.json, where none is beside the model')
    .option(
      '--context <number>',
      'tokens a sequence (default: the most the model takes)',
      wholeNumber,
    )
    .option('--batch-size <number>', 'sequences a batch', wholeNumber, 8)
    .option(
      '--batches <number>',
      'at most so many batches, spread over the text (0: all)',
      wholeNumber,
      0,
    )
    .option('--json', 'print the result as JSON')
    .addOption(backendOption())
    .action(evaluate);
  return withExamples(command, [
    ['The last checkpoint of a run, on text it never saw', 'tfjs-mapl eval runs/demo-mapl'],
    [
      'A Hugging Face model on your own text',
      'tfjs-mapl eval ./my-llama --text book.txt --context 512',
    ],
  ]);
}

async function evaluate(given: string, options: EvalOptions): Promise<void> {
  const {split = options.text ? 'all' : 'test', batchSize, batches} = options;
  if (!['train', 'validation', 'test', 'all'].includes(split)) {
    throw new Error(`--split is '${split}'; expected train, validation, test or all.`);
  }
  const log = (line: string) => console.error(line);
  const opened = await openWithText(given, options, log);
  const {model, tokenizer, backend, folder, data, context, documents} = opened;
  const shares = {validation: data.validationShare, test: data.testShare};
  const parts = splitDocuments(
    documents,
    split === 'all' ? {validation: 0, test: 0} : shares,
    data.splitSeed,
  );
  const tokens = await encodeDocuments(parts[split === 'all' ? 'train' : split], tokenizer);
  const chosen = evaluationBatches(tokens, batchSize, context, batches);
  let told = Date.now();
  const result = await evaluateModel(model, chosen, (share) => {
    if (Date.now() - told < 5000) return;
    told = Date.now();
    log(`${Math.round(100 * share)} %`);
  });
  model.dispose();
  if (options.json) {
    console.log(JSON.stringify({model: folder, split, context, backend: backend.name, ...result}));
    return;
  }
  console.log(`${folder} on ${result.tokens} tokens (${split}, context ${context}):`);
  console.log(`loss ${result.loss.toFixed(4)} nats, perplexity ${result.perplexity.toFixed(2)}`);
}
