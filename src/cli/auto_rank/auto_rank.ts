import {makeLeg} from '../../codecs/leg_registry.js';
import {openFolder} from '../../io/index.js';
import {readConfig} from '../../models/llama/load_llama.js';
import type {LinkSpeed} from '../../pipeline/step_time.js';
import {stageCount} from '../config/check_config.js';
import {parseConfig} from '../config/load_config.js';
import type {RunConfig} from '../config/schema.js';
import {formatSeconds} from '../report/format.js';
import {terminalTable} from '../report/terminal_table.js';
import {StopSignal} from '../run/stop_signal.js';
import {findModelFolder} from '../training/find_model.js';
import {loadText, type LoadedText} from '../training/load_text.js';
import {bringUpBackend} from '../training/open_model.js';
import {candidates, checkRanked, uncompressed, type Candidate} from './candidates.js';
import {affordable, byEnergy, byLoss, finalists, type Weighed} from './choose.js';
import {explainChoice, explainMeasured, reasoningTable, type Reasoned} from './explain.js';
import {probeRun} from './probe_run.js';
import {FAMILIES} from './families.js';
import {runTrials, Stopped, validationBatches} from './run_trials.js';
import {stepCost, type RunShape} from './step_costs.js';
import {weigh} from './weigh.js';

/** What the choice is made by. */
export interface AutoRankOptions {
  /** Seconds that all stages together compute for one step; measured where absent. */
  stepSeconds?: number | null;
  /** Share of a step that bytes may cost. */
  hideShare: number;
  /** Steps of the trial of each finalist; 0 for none: the most energy is taken. */
  trialSteps: number;
  /** The `compression` section as the user wrote it, without the rank. */
  given: Record<string, unknown>;
  log: (line: string) => void;
}

/** Throws where there is nothing to choose, or not by these options. */
async function check(config: RunConfig, {given, trialSteps}: AutoRankOptions): Promise<void> {
  const {initialModel} = config.model;
  if (!Number.isSafeInteger(trialSteps) || trialSteps < 0) {
    throw new Error(
      `--auto-rank-steps is ${trialSteps}, expected a whole number of 0 or more (0: choose by energy).`,
    );
  }
  if (config.network.link === null) {
    throw new Error('--auto-rank needs to know the link (network.link): --link 20mbit,40ms.');
  }
  if (stageCount(config) === 1) {
    throw new Error('--auto-rank is for more than one stage: pipeline.stages is 1.');
  }
  if (given.method != null) checkRanked(config);
  if (initialModel === null) return;
  const source = await readConfig(openFolder(await findModelFolder(initialModel)));
  if (source.mapl != null) {
    throw new Error(
      `--auto-rank: model.initialModel '${initialModel}' has boundaries already; their rank is what it is.`,
    );
  }
}

/**
 * Picks method, rank and codecs for a run's link (`--auto-rank`), as far as the user left them open (ours):
 *
 * 1. a short run without compression gives the time of a step and the spectrum of the activations;
 * 2. of all candidates those are kept whose bytes cost no more than `hideShare` of a step (`stepCost`), of each family the widest;
 * 3. each of these is trained for `trialSteps` steps, from one seed on the same batches, and that of the lowest loss on
 *    validation text is taken. With a single family, or without trials, that which keeps most energy: of the best projector of
 *    the rank, without anchors, less what the codec loses.
 *
 * A short trial favours methods with nothing to learn. Prints what it weighed.
 *
 * @param config The run; its rank does not matter.
 * @return The configuration with `compression` filled in.
 * @throws Error without a link, with a single stage, on a method without a rank, with a model that has boundaries already.
 * @throws Stopped after Ctrl-C.
 */
export async function autoRank(config: RunConfig, options: AutoRankOptions): Promise<RunConfig> {
  await check(config, options);
  const {log} = options;
  const text = await loadText(config, log);
  await bringUpBackend(config.backend.backend, config.backend.threads ?? undefined);
  const stop = new StopSignal(
    () => log('Stopping after this step; Ctrl-C again to stop now.'),
    () => process.exit(130),
  );
  try {
    const {compression} = await decide(config, options, text, () => stop.requested);
    const picked = {...config.compression, ...compression};
    return parseConfig({...config, compression: picked}, '--auto-rank');
  } finally {
    stop.dispose();
  }
}

/** Measures, weighs and chooses; says what it does. */
async function decide(
  config: RunConfig,
  {given, hideShare, trialSteps, log, stepSeconds = null}: AutoRankOptions,
  text: LoadedText,
  stopRequested: () => boolean,
): Promise<Candidate> {
  const all = candidates(config, given, text.tokenizer.vocabSize);
  if (config.model.initialModel !== null && given.method == null) {
    const names = FAMILIES.flatMap(({name, fromAnyModel}) => (fromAnyModel ? [] : [name]));
    log(
      `--auto-rank: the model to start from has other weights than ${names.join(', ')}: left out.`,
    );
  }
  const several = new Set(all.map(({family}) => family)).size > 1;
  const compare = several && trialSteps > 0;
  // Before its first codes a trial would show another setting than the run.
  const list = compare ? all.filter((one) => warmupOf(one) < trialSteps) : all;
  if (list.length < all.length) {
    log(
      `--auto-rank: trials of ${trialSteps} steps end before RVQ sends its first codes: it is left out.`,
    );
  }
  const blind = stepSeconds !== null && config.model.initialModel === null && !compare;
  const common = {
    validation: compare ? validationBatches(config, text) : [],
    beforeStep: () => {
      if (stopRequested()) throw new Stopped();
    },
  };
  if (!blind) log('--auto-rank: measuring the model without compression');
  const steps = compare ? trialSteps : undefined;
  const timed = stepSeconds === null;
  const probe = blind ? null : await probeRun(config, text, {...common, steps, timed});

  const run = runShape(config, text, stepSeconds ?? (probe?.stepSeconds as number));
  const {hiddenSize} = config.model;
  const spectrum = probe?.spectrum ?? new Float64Array(hiddenSize).fill(1 / hiddenSize);
  const none = list.find(({compression: {method}}) => method === 'none') ?? uncompressed(config);
  const weighed = await weigh([...new Set([none, ...list])], run, spectrum);
  const [reference] = weighed;
  const field = affordable(list.includes(none) ? weighed : weighed.slice(1), hideShare);
  const last = several ? finalists(field.list) : field.list;
  explainMeasured(run, probe, timed, log);

  const tried = compare && last.length > 1 ? last.filter((one) => one !== reference) : [];
  if (tried.length) {
    const seconds = tried.length * trialSteps * (probe?.stepSeconds ?? 0);
    log(
      `--auto-rank: ${tried.length} trials of ${trialSteps} steps, one of each kind of compression, about ` +
        `${formatSeconds(seconds)}; --auto-rank-steps 0 chooses without.`,
    );
  }
  const trials = await runTrials(config, tried, text, {...common, steps: trialSteps, log});
  const rows = [...new Set([reference, ...last])].map((one): Reasoned => {
    const trial = one === reference ? probe : trials[tried.indexOf(one)];
    const seconds = timed ? (trial?.stepSeconds ?? null) : null;
    return {one: withCompute(one, run, seconds), trial: tried.length ? trial : null};
  });
  const open = rows.filter((_, i) => i > 0 || last.includes(reference));
  const best = tried.length
    ? byLoss(
        open.map(({one}) => one),
        open.map(({trial}) => trial?.loss ?? NaN),
      )
    : byEnergy(open.map(({one}) => one));
  const {steps: whole} = config.training;
  log(terminalTable(reasoningTable(rows, {best, steps: whole})));
  const made = tried.length ? trialSteps : 0;
  explainChoice(
    {best, plain: rows[0].one, ...field, hideShare, steps: whole, trialSteps: made},
    log,
  );
  return best.candidate;
}

/** Steps before a setting's activations cross as they will in the long run. */
function warmupOf({crossed: {forward}}: Candidate): number {
  return makeLeg(forward, 'compression.forward').leg.warmupSteps ?? 0;
}

/** What the time of a run's step depends on. */
function runShape(config: RunConfig, text: LoadedText, stepSeconds: number): RunShape {
  const {model, pipeline, training, network} = config;
  return {
    stages: stageCount(config),
    microbatches: pipeline.microbatches,
    schedule: pipeline.schedule,
    tokens: training.batchSize * training.context,
    hiddenSize: model.hiddenSize,
    vocabSize: text.tokenizer.vocabSize,
    wire: pipeline.wire,
    stepSeconds,
    link: network.link as LinkSpeed,
  };
}

/** A setting with the time of a step that its own compute gives, as its trial took it: some codecs are work too. */
function withCompute(one: Weighed, run: RunShape, stepSeconds: number | null): Weighed {
  if (stepSeconds === null) return one;
  return {...one, cost: stepCost({...run, stepSeconds}, one.candidate.crossed)};
}
