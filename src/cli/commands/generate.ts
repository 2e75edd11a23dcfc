import {Command} from 'commander';
import {continueText} from '../training/continue_text.js';
import {openModel} from '../training/open_model.js';
import {withExamples} from './example_help.js';
import {backendOption, nonNegative, wholeNumber} from './options.js';

interface GenerateCommandOptions {
  prompt: string;
  maxTokens: number;
  temperature: number;
  topK?: number;
  topP: number;
  seed: number;
  tokenizer?: string;
  backend: string;
}

/** `generate`: text from a model. */
export function generateCommand(): Command {
  const command = new Command('generate')
    .description('continue a text with a model')
    .argument('<model>', 'Hugging Face folder, checkpoint, or folder of a run')
    .option('-p, --prompt <text>', 'text to continue', 'The ')
    .option('-n, --max-tokens <number>', 'tokens to make at most', wholeNumber, 100)
    .option('--temperature <number>', '0 takes the most likely token always', nonNegative, 0.8)
    .option('--top-k <number>', 'choose among the k most likely tokens', wholeNumber)
    .option(
      '--top-p <share>',
      'choose among the most likely tokens of this probability',
      nonNegative,
      1,
    )
    .option('--seed <number>', 'the same seed gives the same text', wholeNumber, 0)
    .option('--tokenizer <path>', 'tokenizer.json, where none is beside the model')
    .addOption(backendOption())
    .action(run);
  return withExamples(command, [
    ['With the last checkpoint of a run', 'tfjs-mapl generate runs/demo-mapl --prompt "Call me"'],
    ['The most likely continuation', 'tfjs-mapl generate ./my-llama -p "Once" --temperature 0'],
  ]);
}

async function run(given: string, options: GenerateCommandOptions): Promise<void> {
  const {prompt, maxTokens, temperature, topK, topP, seed} = options;
  const {model, tokenizer} = await openModel(given, options.backend, options.tokenizer);
  const settings = {maxTokens, temperature, topK, topP, seed};
  // The prompt is written with the first piece, so that an error has a line of its own.
  let before = prompt;
  for await (const piece of continueText(model, tokenizer, prompt, settings)) {
    process.stdout.write(before + piece);
    before = '';
  }
  process.stdout.write('\n');
  model.dispose();
}
