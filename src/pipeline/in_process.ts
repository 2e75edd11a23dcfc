/** All stages of a model in this process. */
import type * as tfl from '@tensorflow/tfjs-layers';
import {requireOptions} from '../ops/check_options.js';
import {checkList, refuseValue} from '../ops/check_values.js';
import type {CheckpointState} from './read_checkpoint.js';
import type {CheckpointFormat} from './checkpoint_format.js';
import type {StepMetrics} from './metrics.js';
import {splitModel} from './split.js';
import {checkStage, type Stage} from './stage.js';
import {StageTrainer} from './trainer.js';
import type {SaveArgs, StageOptimizer, StageTrainerArgs, StepData} from './trainer_args.js';
import {
  inProcessTransport,
  InProcessNetwork,
  type Channel,
  type Transport,
} from './transport/index.js';

/** What an `InProcessPipeline` is made of. */
export interface InProcessArgs extends Omit<
  StageTrainerArgs,
  'stage' | 'optimizer' | 'previous' | 'next'
> {
  /** The model, or the stages that `splitModel` made of it. */
  model: tfl.LayersModel | Stage[];
  /** Where to split, as for `splitModel`; not with stages. */
  stages?: number | string[];
  /** Makes the optimizer of each stage. Each needs its own, because it counts its steps. */
  optimizer: (stage: Stage) => StageOptimizer;
  /** Lines between the stages, for delays, limits and faults in tests. */
  network?: InProcessNetwork;
}

/**
 * Runs all stages of a model as concurrent loops in this process, over the in-process transport: the same protocol, bytes and bits
 * as one process a stage. For training on one machine, and for tests.
 */
export class InProcessPipeline {
  private constructor(
    /** The stages, in order. */
    readonly stages: Stage[],
    /** A trainer for each stage. */
    readonly trainers: StageTrainer[],
    /** The channels: `links[p]` joins stage p and p + 1, from either end. */
    readonly links: Array<{atSender: Channel; atReceiver: Channel}>,
    private readonly transports: Transport[],
  ) {
    const mend = 'stages; make one with await InProcessPipeline.create({model, …})';
    checkList('InProcessPipeline', 'stages', stages, mend);
  }

  /** Splits the model if need be, joins the stages, and makes their trainers. */
  static async create(args: InProcessArgs): Promise<InProcessPipeline> {
    requireOptions(
      'InProcessPipeline.create',
      args,
      'InProcessPipeline.create({model, stages: 2, microbatches: 4, vocabSize: 2048, optimizer: () => train.mapl()})',
    );
    const {model, stages: where, optimizer, network = new InProcessNetwork(), ...settings} = args;
    if (!Array.isArray(model) && where == null) {
      throw new Error('InProcessPipeline.create: stages is missing; give a number or layer names.');
    }
    if (typeof optimizer !== 'function') {
      throw new Error(
        `InProcessPipeline.create: optimizer is ${optimizer == null ? 'missing' : 'no function'}, expected one that makes ` +
          `an optimizer for each stage, such as () => train.mapl().`,
      );
    }
    if (!(network instanceof InProcessNetwork)) {
      refuseValue('InProcessPipeline.create', 'network', network, 'new InProcessNetwork()');
    }
    if (Array.isArray(model)) {
      model.forEach((stage) => checkStage('InProcessPipeline.create', stage));
    }
    const stages = Array.isArray(model) ? model : splitModel(model, {stages: where!});
    const peers = stages.map(({index}) => `stage-${index}`);
    const transports = await Promise.all(
      peers.map((peerId) =>
        inProcessTransport({
          network,
          identity: {peerId},
          allow: peers,
          listen: [`/memory/${peerId}`],
          configHash: 'in-process',
        }),
      ),
    );
    const links: Array<{atSender: Channel; atReceiver: Channel}> = [];
    for (let p = 0; p + 1 < stages.length; p++) {
      const accepted = new Promise<Channel>((resolve) => transports[p + 1].onChannel(resolve));
      const atSender = await transports[p].connect(transports[p + 1].addresses[0]);
      links.push({atSender, atReceiver: await accepted});
    }
    const trainers: StageTrainer[] = [];
    try {
      for (const [p, stage] of stages.entries()) {
        const previous = links[p - 1]?.atReceiver;
        const next = links[p]?.atSender;
        trainers.push(
          new StageTrainer({...settings, stage, optimizer: optimizer(stage), previous, next}),
        );
      }
    } catch (error) {
      trainers.forEach((trainer) => trainer.dispose());
      await Promise.all(transports.map((transport) => transport.close()));
      throw error;
    }
    return new InProcessPipeline(stages, trainers, links, transports);
  }

  /**
   * One training step on all stages; the metrics of each stage.
   * @throws PipelineError once all stages have stopped.
   */
  async step(data: StepData): Promise<StepMetrics[]> {
    return this.all((trainer) => trainer.step(data));
  }

  /** Mean loss over all tokens of some batches, forward only. */
  async evaluate(batches: readonly StepData[]): Promise<number> {
    const losses = await this.all((trainer) => trainer.evaluate(batches));
    return losses[0];
  }

  /** Writes a checkpoint of all stages; gives its folder. */
  async save(args: SaveArgs & {target: string}): Promise<string> {
    const [folder] = await this.all((trainer) => trainer.save(args));
    return folder;
  }

  /** Loads all stages from a checkpoint. */
  async load(folder: string, format: CheckpointFormat): Promise<CheckpointState> {
    const [state] = await this.all((trainer) => trainer.load(folder, format));
    return state;
  }

  /** Stops the trainers and closes the lines. The stages' weights and the optimizers stay. */
  async close(): Promise<void> {
    this.trainers.forEach((trainer) => trainer.dispose());
    await Promise.all(this.transports.map((transport) => transport.close()));
  }

  /** Waits for all stages also when one fails, so that none works on behind the caller's back. */
  private async all<T>(run: (trainer: StageTrainer) => Promise<T>): Promise<T[]> {
    const results = await Promise.allSettled(this.trainers.map(run));
    return results.map((result) => {
      if (result.status === 'rejected') {
        throw result.reason;
      }
      return result.value;
    });
  }
}
