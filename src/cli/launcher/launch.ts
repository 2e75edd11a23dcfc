import {availableParallelism} from 'node:os';
import {mkdirSync} from 'node:fs';
import {backendEnvironment} from '../../backends/environment.js';
import {InProcessPipeline} from '../../pipeline/in_process.js';
import {createIdentity} from '../../pipeline/transport/identity.js';
import {processCount, stageCount} from '../config/check_config.js';
import type {RunConfig} from '../config/schema.js';
import type {LoadedText} from '../training/load_text.js';
import {agreementHash, agreementOf, type Agreement} from '../run/agreement.js';
import type {RunFolder} from '../run/run_folder.js';
import {cliEntry} from './cli_entry.js';
import type {StageHandle, StageSetup} from './messages.js';
import {RemoteStage} from './remote_stage.js';
import {rootFailure, StageFailure} from './stage_failure.js';
import {splitRun, stageOptimizer, type CommonSetup} from './split_run.js';
import {StageWorker, trainerSettings} from './stage_worker.js';

/** How long to wait for the failure that caused another one. */
const GRACE_MS = 1000;

/** What is needed to bring up the stages of a run. */
export interface LaunchArgs {
  config: RunConfig;
  /** Name of the backend all stages use. */
  backend: string;
  text: LoadedText;
  run: RunFolder;
  /** Model to start from in place of `model.initialModel`, or null. */
  startModel: string | null;
  /** Checkpoint to go on from, or null. */
  resumeFrom: string | null;
}

/** The stages of a run, up and connected. */
export interface LaunchedStages {
  stages: StageHandle[];
  /** Process ids of stages that are not in this process. */
  pids: number[];
  /** Ends all stages in good order. */
  close(): Promise<void>;
  /** Ends all stages at once. */
  kill(): Promise<void>;
  /** What began it when something failed; the error itself if no stage says better. */
  cause(error: unknown): Promise<unknown>;
}

/** CPU threads of each process: as configured, or the cores shared out. */
export function threadsPerProcess(config: RunConfig): number {
  return (
    config.backend.threads ?? Math.max(1, Math.floor(availableParallelism() / processCount(config)))
  );
}

/** What the setups of all stages have in common. */
async function commonSetup({
  config,
  backend,
  text,
  run,
  startModel,
  resumeFrom,
}: LaunchArgs): Promise<CommonSetup> {
  const {tokens, files, hash} = text.data;
  const {vocabSize, endOfText, json, config: tokenizerConfig} = text.tokenizer;
  const agreed = agreementOf(config, vocabSize, hash);
  const configHash = await agreementHash(agreed);
  return {
    config,
    backend,
    vocabSize,
    tokenFiles: files,
    tokenCounts: {
      train: tokens.train.length,
      validation: tokens.validation.length,
      test: tokens.test.length,
    },
    configHash,
    agreed,
    knownHashes: resumeFrom == null ? [] : [configHash, await writtenHash(run, agreed)],
    startModel,
    resumeFrom,
    extraFiles: {
      'tokenizer.json': json as Record<string, unknown>,
      'tokenizer_config.json': tokenizerConfig as Record<string, unknown>,
    },
    extraConfig: endOfText === null ? {} : {bos_token_id: endOfText, eos_token_id: endOfText},
  };
}

/**
 * The hash by the settings as they stand in the run's folder, with none that came since: checkpoints that have a hash and no
 * settings had that one.
 */
async function writtenHash(run: RunFolder, agreed: Agreement): Promise<string> {
  const written = {pipeline: {}, ...(run.readConfig() as object)} as RunConfig;
  return agreementHash(agreementOf(written, agreed.vocabSize, agreed.text));
}

/**
 * Brings up one operating system process a stage. Each gets a new Ed25519 identity and an allow-list with
 * its neighbours; orders go over IPC, tensors over libp2p.
 *
 * @throws StageFailure when a stage does not come up; none is left running then.
 */
async function launchProcesses(args: LaunchArgs): Promise<LaunchedStages> {
  const {config, run} = args;
  const count = stageCount(config);
  const common = await commonSetup(args);
  const entry = await cliEntry();
  const env = backendEnvironment(
    {intraOpThreads: threadsPerProcess(config), interOpThreads: 1},
    process.env,
  );
  const identities = await Promise.all(Array.from({length: count}, () => createIdentity()));
  mkdirSync(run.file('logs'), {recursive: true});
  const failures: StageFailure[] = [];
  const stages = identities.map(
    (_, index) =>
      new RemoteStage({
        index,
        entry,
        env,
        logFile: run.file('logs', `stage-${index}.log`),
        onFailure: (failure) => failures.push(failure),
      }),
  );
  const launched: LaunchedStages = {
    stages,
    pids: stages.flatMap(({pid}) => (pid == null ? [] : [pid])),
    close: async () => void (await Promise.all(stages.map((stage) => stage.close()))),
    kill: async () => void (await Promise.all(stages.map((stage) => stage.kill()))),
    cause: async (error) => {
      if (!(error instanceof StageFailure)) return error;
      // The exit of the stage that died may be told after its neighbours' complaints.
      const end = Date.now() + GRACE_MS;
      while (rootFailure(failures).lostPeer && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return rootFailure(failures);
    },
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const waiting = stages.filter((stage) => !stage.ready).map((stage) => stage.index);
      reject(
        new Error(
          `Stages ${waiting.join(', ')} did not come up within ${config.network.startTimeout} s ` +
            `(network.startTimeout); see ${run.file('logs')}.`,
        ),
      );
    }, config.network.startTimeout * 1000);
  });
  const bringUp = async () => {
    const addresses = await Promise.all(
      stages.map((stage, index) => {
        const allow = [identities[index - 1], identities[index + 1]].flatMap((neighbour) =>
          neighbour ? [neighbour.peerId] : [],
        );
        const setup: StageSetup = {...common, index, identity: identities[index], allow};
        return stage.setup(setup);
      }),
    );
    await Promise.all(stages.map((stage, p) => stage.connect(addresses[p + 1]?.[0] ?? null)));
  };
  try {
    await Promise.race([bringUp(), late]);
  } catch (error) {
    const cause = await launched.cause(error);
    await launched.kill();
    throw cause;
  } finally {
    clearTimeout(timer);
  }
  return launched;
}

/** Brings up all stages in this process, over the in-process transport. */
async function launchHere(args: LaunchArgs): Promise<LaunchedStages> {
  const common = await commonSetup(args);
  const {stages: split, format, dispose} = await splitRun(common);
  const optimizers = split.map(() => stageOptimizer(common));
  const pipeline = await InProcessPipeline.create({
    ...trainerSettings(common),
    model: split,
    optimizer: ({index}) => optimizers[index],
  });
  const stages = await Promise.all(
    pipeline.trainers.map((trainer, index) => {
      const identity = {peerId: `stage-${index}`, privateKey: ''};
      return StageWorker.create({...common, index, identity, allow: []}, trainer, format);
    }),
  );
  const close = async () => {
    await pipeline.close();
    optimizers.forEach((optimizer) => optimizer.dispose());
    dispose();
  };
  return {stages, pids: [], close, kill: close, cause: async (error) => error};
}

/** Brings up the stages of a run, in as many processes as the configuration says. */
export async function launchStages(args: LaunchArgs): Promise<LaunchedStages> {
  const one = processCount(args.config) === 1;
  return one ? launchHere(args) : launchProcesses(args);
}
