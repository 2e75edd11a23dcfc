import {evaluationBatches, TokenBatches, type TokenBatch} from '../../data/token_batches.js';
import {readTokenFile} from '../../data/token_file.js';
import {BoundaryProbe} from '../../diagnostics/boundary_probe.js';
import type {CheckpointFormat} from '../../pipeline/checkpoint.js';
import type {StageTrainer, StageTrainerArgs} from '../../pipeline/trainer.js';
import type {JsonValue} from '../../pipeline/wire/index.js';
import {setActivationStorage} from '../../ops/activation_storage.js';
import {agreementDifferences} from '../run/agreement.js';
import {legsOfConfig} from '../training/legs.js';
import type {RunState} from './split_run.js';
import type {
  OnProgress,
  StageCommand,
  StageHandle,
  StageReady,
  StageResult,
  StageSetup,
} from './messages.js';

/** Between two words of how far an evaluation is. */
const TELL_MS = 1000;

/** Settings of the trainer that follow from a configuration; the same for all stages. */
export function trainerSettings(
  setup: Pick<StageSetup, 'config' | 'vocabSize'>,
): Omit<StageTrainerArgs, 'stage' | 'optimizer' | 'previous' | 'next'> {
  const {pipeline, network, training} = setup.config;
  return {
    schedule: pipeline.schedule,
    microbatches: pipeline.microbatches,
    wire: pipeline.wire,
    legs: legsOfConfig(setup.config),
    method: setup.config.compression.method,
    seed: training.seed,
    recompute: pipeline.recompute,
    vocabSize: setup.vocabSize,
    timeoutMs: network.stallTimeout * 1000,
  };
}

/** Throws unless a checkpoint's state is of the run that is to go on from it. */
function checkAgreed(
  state: RunState | null,
  {agreed, knownHashes}: StageSetup,
  folder: string,
): asserts state is RunState {
  const source = `the checkpoint '${folder}'`;
  const {configHash, agreed: stored} = state ?? {};
  const differences = stored ? agreementDifferences(stored, agreed, source) : [];
  if (stored ? differences.length > 0 : !knownHashes.includes(configHash ?? '')) {
    const which = differences.map((difference) => `\n  ${difference}`).join('');
    throw new Error(
      `The checkpoint '${folder}' was written by a run with other settings or other text; ` +
        `resume it with the configuration and the text it began with.${which}`,
    );
  }
}

/**
 * Does the work of one stage, in a process of its own or beside the others: its trainer, its share of the
 * data, measurements, its part of checkpoints.
 */
export class StageWorker implements StageHandle {
  readonly index: number;
  readonly ready: StageReady;
  private readonly evaluation = new Map<string, TokenBatch[]>();

  private constructor(
    private readonly setup: StageSetup,
    private readonly trainer: StageTrainer,
    private readonly format: CheckpointFormat,
    private readonly batches: TokenBatches | null,
  ) {
    const {stage} = trainer;
    this.index = stage.index;
    this.ready = {
      parameters: stage.parameters,
      layers: `${stage.begins} to ${stage.ends}`,
      step: trainer.nextStep,
    };
  }

  /**
   * Makes a worker: reads the training text where its stage needs it, and the checkpoint where the run is
   * resumed.
   *
   * @throws Error when the checkpoint is damaged, or of another run.
   */
  static async create(
    setup: StageSetup,
    trainer: StageTrainer,
    format: CheckpointFormat,
  ): Promise<StageWorker> {
    const {stage} = trainer;
    // Of the process: stages that share one have the same settings.
    setActivationStorage(setup.config.pipeline.activationStorage);
    let batches: TokenBatches | null = null;
    if (stage.isFirst || stage.isLast) {
      const {tokens} = await readTokenFile(setup.tokenFiles.train);
      const {batchSize, context, seed} = setup.config.training;
      const {vocabSize} = setup;
      batches = new TokenBatches({tokens, batchSize, context, vocabSize, seed});
    }
    const {resumeFrom} = setup;
    if (resumeFrom !== null) {
      const {run} = await trainer.load(resumeFrom, format);
      const state = run as unknown as RunState | null;
      checkAgreed(state, setup, resumeFrom);
      batches?.restore(state.data);
    }
    return new StageWorker(setup, trainer, format, batches);
  }

  async run(command: StageCommand, onProgress?: OnProgress): Promise<StageResult> {
    switch (command.do) {
      case 'train':
        return this.train(command.step);
      case 'evaluate':
        return this.evaluate(command.split, command.batches, onProgress);
      case 'diagnose':
        return this.diagnose();
      case 'save':
        return this.save(command.target);
    }
  }

  async close(): Promise<void> {
    this.trainer.dispose();
  }

  private async save(target: string): Promise<StageResult> {
    const {setup, format, trainer, batches} = this;
    const run: RunState | null = batches && {agreed: setup.agreed, data: batches.state()};
    const keep = setup.config.output.keepCheckpoints;
    await trainer.save({format, target, keep, run: run as unknown as JsonValue});
    return {};
  }

  private async train(step: number): Promise<StageResult> {
    if (this.trainer.nextStep !== step - 1) {
      throw new Error(
        `Stage ${this.index} stands before step ${this.trainer.nextStep + 1}, asked for step ${step}.`,
      );
    }
    const {loss, gradNorm, forward, backward, waitSeconds, peakHeldBytes} = await this.trainer.step(
      this.batches?.next() ?? {},
    );
    return {
      loss,
      gradientNorm: gradNorm,
      forwardBytes: forward.payload,
      backwardBytes: backward.payload,
      overheadBytes: forward.overhead + forward.line + backward.overhead + backward.line,
      waitSeconds,
      peakHeldBytes,
    };
  }

  private async evaluate(
    split: 'train' | 'validation' | 'test',
    count: number,
    onProgress: OnProgress = () => {},
  ): Promise<StageResult> {
    if (this.setup.tokenCounts[split] <= this.setup.config.training.context) return {};
    const batches = await this.heldOut(split, count);
    let told = performance.now();
    const loss = await this.trainer.evaluate(batches, (done) => {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
      onProgress(done / batches.length);
    });
    return {loss, tokens: batches.reduce((sum, {ids}) => sum + ids.length, 0)};
  }

  private async diagnose(): Promise<StageResult> {
    const {setup} = this;
    const {stage} = this.trainer;
    const split =
      setup.tokenCounts.validation > setup.config.training.context ? 'validation' : 'train';
    const {encoder, decoder: previous} = stage;
    const probe = encoder ? new BoundaryProbe(encoder, {previous}) : null;
    try {
      await this.trainer.evaluate(await this.heldOut(split, 1));
      const legs = await this.trainer.measureLegs();
      return {health: probe ? await probe.finish(this.index) : null, legs};
    } finally {
      probe?.dispose();
    }
  }

  /** Batches to measure on, of the size of a microbatch: while one stage computes the next, this one goes on. */
  private async heldOut(
    split: 'train' | 'validation' | 'test',
    count: number,
  ): Promise<TokenBatch[]> {
    const {setup} = this;
    const {stage} = this.trainer;
    if (!stage.isFirst && !stage.isLast) return [];
    const key = `${split} ${count}`;
    const known = this.evaluation.get(key);
    if (known) return known;
    const {tokens} = await readTokenFile(setup.tokenFiles[split]);
    const {training, pipeline} = setup.config;
    const rows = training.batchSize / pipeline.microbatches;
    const limit = count * pipeline.microbatches;
    const batches = evaluationBatches(tokens, rows, training.context, limit);
    this.evaluation.set(key, batches);
    return batches;
  }
}
