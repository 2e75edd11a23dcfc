import path from 'node:path';
import {checkBatchSizes} from '../../data/token_batches.js';
import {processCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';
import {Conductor} from '../launcher/conductor.js';
import {launchStages, threadsPerProcess, type LaunchedStages} from '../launcher/launch.js';
import {formatLoss, formatNumber} from '../report/format.js';
import {latestCheckpoint, type CheckpointEntry} from '../../pipeline/checkpoint.js';
import {fitStart} from '../training/fit_start.js';
import {loadText} from '../training/load_text.js';
import {bringUpBackend} from '../training/open_model.js';
import {learningSchedule} from '../training/recipe.js';
import {makeProgress, type Progress} from './progress.js';
import {withOlderCheckpoint} from './older_checkpoint.js';
import type {RunFolder} from './run_folder.js';
import {StopSignal} from './stop_signal.js';
import {summarise, type RunFacts} from './summarise.js';
import type {RunSummary} from './summary.js';
import {versions} from './versions.js';

/** What to train, and how to tell of it. */
export interface TrainingArgs {
  config: RunConfig;
  /** The run's folder, opened. */
  run: RunFolder;
  /** Go on from the last checkpoint in the folder; else what is in the folder is replaced once this run has come up. */
  resume: boolean;
  /** What the run is called in progress lines. */
  title: string;
  /** Why this backend, where the caller has chosen it; default: what the choice says. */
  why?: string;
  /** Lines for people. */
  log: (line: string) => void;
}

/** A run that failed, with what is left of it. */
export class TrainingFailure extends Error {
  constructor(
    message: string,
    readonly summary: RunSummary,
    cause: unknown,
  ) {
    super(message, {cause});
    this.name = 'TrainingFailure';
  }
}

/**
 * Trains one run from its start or its last checkpoint to its end: text, backend, stages, steps,
 * checkpoints, `summary.json`.
 *
 * @return The summary; its status is `stopped` after Ctrl-C.
 * @throws TrainingFailure when a stage fails, naming the cause and the last good checkpoint.
 */
export async function runTraining(args: TrainingArgs): Promise<RunSummary> {
  const {config, run, resume, title, log} = args;
  const text = await loadText(config, log);
  const {train} = text.data.tokens;
  checkBatchSizes(train.length, config.training.batchSize, config.training.context);
  const threads = threadsPerProcess(config);
  const {backend: asked} = config.backend;
  const backend = await bringUpBackend(asked, processCount(config) === 1 ? threads : undefined);
  const processes = processCount(config);
  const why = args.why ?? backend.why;
  log(
    `${title}: backend ${backend.name} (${backend.description}), because ${why}; ` +
      `${processes} process(es) of ${threads} thread(s); ${formatNumber(train.length)} tokens to train on`,
  );
  const from = resume ? await latestCheckpoint(run.checkpoints) : null;
  const resumeFrom = from?.folder ?? null;
  if (!resume) run.setAside();
  const comeUp = async () => {
    const startModel = resume ? null : await fitStart(args, text);
    return launchStages({config, backend: backend.name, text, run, startModel, resumeFrom});
  };
  const launched = await comeUp().catch(async (error: unknown) => {
    run.removeIfEmpty();
    run.putBack();
    throw from == null ? error : await withOlderCheckpoint(error, run.checkpoints, from);
  });
  if (launched.pids.length) log(`${title}: stages are processes ${launched.pids.join(', ')}`);
  // Only now: a run that never came up leaves no run behind, and the one it was to replace as it was.
  await run.writeConfig(config);
  run.forgetReplaced();
  const facts = {
    name: run.name,
    config,
    backend: {name: backend.name, reason: why, threads, processes},
    dataHash: text.data.hash,
    stages: launched.stages.map(({ready}) => ({
      layers: ready.layers,
      parameters: ready.parameters,
    })),
    versions: await versions(backend.description),
  };
  return conduct(args, launched, facts, from);
}

/** Leads launched stages through the run and sums it up, however it ends. */
async function conduct(
  {config, run, resume, title, log}: TrainingArgs,
  launched: LaunchedStages,
  facts: Omit<RunFacts, 'status' | 'checkpoint'>,
  from: CheckpointEntry | null,
): Promise<RunSummary> {
  let progress: Progress | undefined;
  const lastCheckpoint = async () => {
    const last = await latestCheckpoint(run.checkpoints);
    return last && `checkpoints/${path.basename(last.folder)}`;
  };
  const stop = new StopSignal(
    () => progress?.note('Stopping after this step, with a checkpoint; Ctrl-C again to stop now.'),
    () => void launched.kill().then(() => process.exit(130)),
  );
  try {
    const done = from?.step ?? 0;
    for (const {index, ready} of launched.stages) {
      if (ready.step !== done)
        throw new Error(`Stage ${index} stands at ${ready.step}, not ${done}.`);
    }
    if (resume) {
      run.truncateMetrics(done);
      log(`${title}: going on after step ${done}`);
    }
    progress = makeProgress({
      title,
      steps: config.training.steps,
      done,
      logEvery: config.output.logEvery,
    });
    const conductor = new Conductor({
      stages: launched.stages,
      config,
      run,
      progress,
      schedule: learningSchedule(config),
      done,
      stopRequested: () => stop.requested,
    });
    const {stopped} = await conductor.run();
    progress.stop();
    await launched.close();
    const summary = summarise(run.metrics(), {
      ...facts,
      status: stopped ? 'stopped' : 'finished',
      checkpoint: await lastCheckpoint(),
    });
    await run.writeSummary(summary);
    const {validation, test} = summary.loss;
    log(
      stopped
        ? `${title}: stopped after step ${summary.steps}; go on with --resume`
        : `${title}: validation loss ${formatLoss(validation)}, test loss ${formatLoss(test)}, ` +
            `${formatNumber(summary.tokensPerSecond)} tokens/s`,
    );
    return summary;
  } catch (error) {
    progress?.stop();
    const cause = await launched.cause(error);
    await launched.kill();
    const message = cause instanceof Error ? cause.message : String(cause);
    const checkpoint = await lastCheckpoint();
    const summary = summarise(run.metrics(), {
      ...facts,
      status: 'failed',
      error: message,
      checkpoint,
    });
    await run.writeSummary(summary);
    const where = checkpoint
      ? `The last good checkpoint is ${run.file(checkpoint)}; go on from it with --resume.`
      : 'No checkpoint had been written yet.';
    throw new TrainingFailure(`${message}\n${where}`, summary, cause);
  } finally {
    stop.dispose();
  }
}
