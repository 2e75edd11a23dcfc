import type {SplitName} from '../../data/document.js';
import type {RunConfig} from '../config/schema.js';
import type {Agreement} from '../run/agreement.js';
import type {BoundaryHealth} from '../run/records.js';

/** Everything a stage must know to come up; the same for a process and for a stage in this process. */
export interface StageSetup {
  /** Which stage this is. */
  index: number;
  /** The resolved configuration, the same for all stages. */
  config: RunConfig;
  /** tfjs backend to bring up; never 'auto': the launcher has chosen. */
  backend: string;
  /** Token file of each part of the text. */
  tokenFiles: Record<SplitName, string>;
  /** Tokens in each part. */
  tokenCounts: Record<SplitName, number>;
  /** Size of the tokenizer's vocabulary. */
  vocabSize: number;
  /** Key pair of this stage, made by the launcher for this run. */
  identity: {peerId: string; privateKey: string};
  /** PeerIds of the neighbours: nobody else may connect. */
  allow: string[];
  /** Both ends of a connection must have the same. */
  configHash: string;
  /** A run and the checkpoint it goes on from must have the same. */
  agreed: Agreement;
  /** Of checkpoints that have a hash in place of settings: those that are of this run. */
  knownHashes: string[];
  /** Model to start from in place of `model.initialModel`: the same with fitted boundaries; null for none. */
  startModel: string | null;
  /** Checkpoint to go on from, or null to begin. */
  resumeFrom: string | null;
  /** JSON files that checkpoints have beside the model: the tokenizer's. */
  extraFiles: Record<string, Record<string, unknown>>;
  /** Entries for the `config.json` of checkpoints, such as the id of the end of text. */
  extraConfig: Record<string, unknown>;
}

/** What a stage tells once it is up. */
export interface StageReady {
  /** Numbers this stage trains. */
  parameters: number;
  /** First and last layer, in words. */
  layers: string;
  /** Steps that were done when the stage came up: those of its checkpoint. */
  step: number;
}

/** What a stage can be asked to do; all stages get the same commands in the same order. */
export type StageCommand =
  | {do: 'train'; step: number}
  | {do: 'evaluate'; split: SplitName; batches: number}
  | {do: 'diagnose'}
  | {do: 'save'; target: string};

/** What a stage says after a command; fields that concern it only. */
export interface StageResult {
  /** `train` and `evaluate`: mean loss, nats a token, the same on all stages. */
  loss?: number;
  /** `train`: gradient norm over all stages before clipping. */
  gradientNorm?: number;
  /** `train`: payload bytes sent to the next stage. */
  forwardBytes?: number;
  /** `train`: payload bytes sent to the previous stage. */
  backwardBytes?: number;
  /** `train`: bytes of frames beside payload, both ways. */
  overheadBytes?: number;
  /** `train`: time spent waiting for neighbours. */
  waitSeconds?: number;
  /** `train`: most bytes held for backward passes at once. */
  peakHeldBytes?: number;
  /** First and last stage, `evaluate`: tokens measured on. */
  tokens?: number;
  /** `diagnose`: the projector this stage owns. */
  health?: BoundaryHealth | null;
  /** `diagnose`: what the codecs of this stage's legs measure, as `boundary.0.forward.sender.<name>`. */
  legs?: Record<string, number>;
}

/** From the launcher to a stage process. */
export type ToStage =
  | {type: 'setup'; setup: StageSetup}
  | {type: 'connect'; next: string | null}
  | {type: 'command'; id: number; command: StageCommand}
  | {type: 'close'};

/** From a stage process to the launcher. */
export type FromStage =
  | {type: 'listening'; addresses: string[]}
  | {type: 'ready'; ready: StageReady}
  | {type: 'progress'; share: number}
  | {type: 'done'; id: number; result: StageResult}
  | {type: 'failed'; message: string; lostPeer: boolean};

/** Hears what share of a command is done, from 0 to 1. */
export type OnProgress = (share: number) => void;

/** A stage as the conductor sees it, in this process or another. */
export interface StageHandle {
  readonly index: number;
  readonly ready: StageReady;
  /**
   * Runs one command.
   *
   * @param onProgress Called by the last stage while it evaluates, about every second, with the share that is done.
   * @throws Error when the stage failed or its process died.
   */
  run(command: StageCommand, onProgress?: OnProgress): Promise<StageResult>;
  /** Lets the stage end in good order. */
  close(): Promise<void>;
}
