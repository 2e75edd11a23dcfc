/** From a stage's data and what it received to the tensors it computes with. */
import * as tf from '@tensorflow/tfjs-core';
import {getIdsCodec, idsCodec, type IdsCodec} from '../codecs/index.js';
import {packKeys, sampleKeys, unpackKeys} from './sample_keys.js';
import type {Stage} from './stage.js';
import {checkedIds, packIds, unpackTensor} from './tensor_frames.js';
import type {StepData} from './trainer_args.js';
import type {DataFrame, FrameTensor} from './wire/index.js';

/** A batch, checked and cut into parts of equal size. */
export interface Parts {
  data: StepData;
  /** Sequences of a part, 0 at stages that read no data. */
  rows: number;
  time: number;
}

/** Makes a stage's inputs, targets and the ids it passes on. */
export class StepTensors {
  private readonly codec: IdsCodec;

  constructor(
    private readonly stage: Stage,
    private readonly vocabSize: number,
  ) {
    this.codec = idsCodec(vocabSize);
  }

  /**
   * Checks the part of the data that this stage reads.
   * @throws Error naming the position of an id that is no id, or a batch that cannot be divided.
   */
  divide(data: StepData, parts: number): Parts {
    const {isFirst, isLast} = this.stage;
    const names = [...(isFirst ? ['ids' as const] : []), ...(isLast ? ['targets' as const] : [])];
    for (const name of names) {
      checkedIds(name, data[name], data.shape, this.vocabSize);
    }
    if (names.length === 0) {
      return {data, rows: 0, time: 0};
    }
    const [batch, time] = data.shape!;
    if (batch % parts !== 0) {
      throw new Error(
        `a batch of ${batch} sequences cannot be divided into ${parts} microbatches of equal size; ` +
          `use a multiple of ${parts}`,
      );
    }
    return {data, rows: batch / parts, time};
  }

  /**
   * Inputs of the stage's model: ids at the first stage, else the activation that was received, and ids where the stage takes them.
   * The caller owns them; what was given is theirs too.
   */
  inputs(
    parts: Parts,
    part: number,
    received: DataFrame | null,
    activation: tf.Tensor | null,
  ): tf.Tensor[] {
    if (received == null || activation == null) {
      return [tensor(parts, 'ids', part)];
    }
    try {
      return this.stage.takesIds
        ? [activation, unpackTensor(this.tensorOf(received, 'ids'))]
        : [activation];
    } catch (error) {
      activation.dispose();
      throw error;
    }
  }

  /** Keys of the sequences of a part, from their ids where these are known here, else as they came. */
  keys(parts: Parts, part: number, received: DataFrame | null): number[] {
    if (received == null) {
      return sampleKeys(values(parts, 'ids', part), parts.rows, parts.time);
    }
    const packed = received.tensors.find(({name}) => name === 'ids');
    if (packed == null) {
      return unpackKeys(this.tensorOf(received, 'keys'));
    }
    const [rows, time] = packed.shape;
    return sampleKeys(getIdsCodec(packed.codec).unpack(packed.bytes, packed.shape), rows, time);
  }

  /** Targets of the last stage. The caller owns them. */
  targets(parts: Parts, part: number): tf.Tensor {
    return tensor(parts, 'targets', part);
  }

  /**
   * The ids that travel on to the next stage, as they came where they came from the stage before; without ids the keys, if there are
   * any.
   */
  idsToSend(
    parts: Parts,
    part: number,
    received: DataFrame | null,
    keys?: readonly number[],
  ): FrameTensor[] {
    if (!this.stage.sendsIds) {
      return keys == null ? [] : [packKeys(keys)];
    }
    if (received != null) {
      return received.tensors.filter(({name}) => name === 'ids');
    }
    return [packIds(this.codec, values(parts, 'ids', part), [parts.rows, parts.time])];
  }

  private tensorOf(received: DataFrame, name: string): FrameTensor {
    const packed = received.tensors.find((t) => t.name === name);
    if (packed == null) {
      throw new Error(`stage ${this.stage.index - 1} sent no ${name}`);
    }
    return packed;
  }
}

function tensor(parts: Parts, name: 'ids' | 'targets', part: number): tf.Tensor {
  return tf.tensor2d(values(parts, name, part), [parts.rows, parts.time], 'int32');
}

function values({data, rows, time}: Parts, name: 'ids' | 'targets', part: number): Int32Array {
  const all = data[name]!;
  const length = rows * time;
  return Int32Array.from({length}, (_, i) => all[part * length + i]);
}
