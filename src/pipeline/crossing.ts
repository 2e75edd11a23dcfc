/** What crosses a stage's two boundaries, packed and unpacked by the codecs of their legs. */
import type * as tf from '@tensorflow/tfjs-core';
import type {Crossing, LegEnd, LegReceiver, LegSender, LegSpec} from '../codecs/leg.js';
import {makeLeg, type MadeLeg} from '../codecs/leg_registry.js';
import type {SavableLeg} from './leg_state.js';
import type {Stage} from './stage.js';
import type {DataFrame, FrameTensor, JsonValue} from './wire/index.js';

/** Codecs of the two legs of every boundary. */
export interface LegSpecs {
  /** Packs activations, or `z`. */
  forward: LegSpec;
  /** Packs their gradients. */
  backward: LegSpec;
}

/** The legs of a run, before they are given ends. */
export interface Legs {
  forward: MadeLeg;
  backward: MadeLeg;
}

/** Makes both legs. Throws naming the codec or the option that is wrong. */
export function makeLegs({forward, backward}: LegSpecs): Legs {
  return {
    forward: makeLeg(forward, 'legs.forward'),
    backward: makeLeg(backward, 'legs.backward'),
  };
}

/** What two neighbours must agree on, by the name it has in messages. */
export function legSettings(legs: Legs): {[key: string]: JsonValue} {
  const entries = (['forward', 'backward'] as const).flatMap((direction) => {
    const {codec, leg} = legs[direction];
    const name = `${direction} leg`;
    return [
      [name, codec.name],
      [`${name}, version`, codec.version],
      ...Object.entries(leg.settings).map(([key, value]) => [`${name}, ${key}`, value]),
    ] as Array<[string, JsonValue]>;
  });
  return Object.fromEntries(entries);
}

/** Ends of the legs that one boundary has at this stage. */
interface Ends {
  sender: LegSender;
  receiver: LegReceiver;
}

/** The ends that a stage has of the legs of its boundaries. */
export class Crossings {
  /** Whether a codec needs keys of sequences. */
  readonly keyed: boolean;
  /** Sends activations to the next stage, receives their gradients. */
  private readonly next: Ends | null;
  /** Receives activations from the previous stage, sends their gradients. */
  private readonly previous: Ends | null;
  private readonly keys = new Map<number, readonly number[]>();

  constructor(
    private readonly stage: Stage,
    private readonly legs: Legs,
    seed: number,
    microbatches: number,
  ) {
    const {forward, backward} = legs;
    this.keyed = stage.stages > 1 && [forward, backward].some(({leg}) => leg.keyed === true);
    const below = {
      boundary: stage.index,
      width: widthOf(stage.model.outputs),
      seed,
      microbatches,
      half: stage.encoder,
    };
    const above = {
      boundary: stage.index - 1,
      width: widthOf(stage.model.inputs),
      seed,
      microbatches,
      half: stage.decoder,
    };
    this.next = stage.isLast
      ? null
      : {
          sender: forward.leg.sender({...below, direction: 'forward'}),
          receiver: backward.leg.receiver({...below, direction: 'backward'}),
        };
    this.previous = stage.isFirst
      ? null
      : {
          sender: backward.leg.sender({...above, direction: 'backward'}),
          receiver: forward.leg.receiver({...above, direction: 'forward'}),
        };
  }

  /** Where a forward crosses; its keys are kept for the backward of the same microbatch. */
  forwardAt(step: number, microbatch: number, training: boolean, keys?: number[]): Crossing {
    if (keys != null && training) {
      this.keys.set(microbatch, keys);
    }
    return {step, microbatch, training, ...(keys == null ? {} : {keys})};
  }

  /** Where a backward crosses. */
  backwardAt(step: number, microbatch: number): Crossing {
    const keys = this.keys.get(microbatch);
    return {step, microbatch, training: true, ...(keys == null ? {} : {keys})};
  }

  /** Packs what goes to the next stage, and frees it. */
  packActivation(output: tf.Tensor, at: Crossing): Promise<FrameTensor[]> {
    return this.next!.sender.pack(output, at);
  }

  /** What came from the previous stage. */
  unpackActivation(frame: DataFrame, at: Crossing): Promise<tf.Tensor> {
    return this.previous!.receiver.unpack(ofLeg(frame), at);
  }

  /** Packs the gradient of what came from the previous stage, and frees it. */
  packGradient(dx: tf.Tensor, at: Crossing): Promise<FrameTensor[]> {
    return this.previous!.sender.pack(dx, at);
  }

  /** Gradient of what went to the next stage. */
  async unpackGradient(frame: DataFrame, at: Crossing): Promise<tf.Tensor> {
    const {sender, receiver} = this.next!;
    const dy = await receiver.unpack(ofLeg(frame), at);
    return sender.backward == null ? dy : sender.backward(dy, at);
  }

  /** Once both neighbours have shaken hands, before anything crosses. */
  meet(): void {
    this.ends().forEach(({end}) => end.meet?.());
  }

  /** Once per optimizer step. */
  async endStep(step: number): Promise<void> {
    this.keys.clear();
    for (const {end} of this.ends()) {
      await end.endStep?.(step);
    }
  }

  /** All ends, with what a checkpoint says of each. */
  ends(): SavableLeg[] {
    const {index} = this.stage;
    const list: SavableLeg[] = [];
    const add = (
      boundary: number,
      direction: 'forward' | 'backward',
      role: string,
      end: LegEnd,
    ) => {
      const {codec, leg} = this.legs[direction];
      const {name, version} = codec;
      const identity = {codec: name, version, settings: leg.settings};
      list.push({name: `boundary.${boundary}.${direction}.${role}`, identity, end});
    };
    if (this.previous != null) {
      add(index - 1, 'forward', 'receiver', this.previous.receiver);
      add(index - 1, 'backward', 'sender', this.previous.sender);
    }
    if (this.next != null) {
      add(index, 'forward', 'sender', this.next.sender);
      add(index, 'backward', 'receiver', this.next.receiver);
    }
    return list;
  }

  /** What the ends of the legs measure, as `boundary.0.forward.sender.<name>`. */
  async measure(): Promise<Record<string, number>> {
    const all: Record<string, number> = {};
    for (const {name, end} of this.ends()) {
      for (const [key, value] of Object.entries((await end.measure?.()) ?? {})) {
        all[`${name}.${key}`] = value;
      }
    }
    return all;
  }

  /** Frees what the codecs keep. */
  dispose(): void {
    this.keys.clear();
    this.ends().forEach(({end}) => end.dispose?.());
  }
}

/** The packed tensors that belong to the leg. */
function ofLeg({tensors}: DataFrame): FrameTensor[] {
  return tensors.filter(({name}) => name !== 'ids' && name !== 'keys');
}

function widthOf([tensor]: Array<{shape: Array<number | null>}>): number {
  return tensor.shape.at(-1) ?? 0;
}
