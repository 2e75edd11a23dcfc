/** Pipelines of a spec, and a folder for what they save. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type {InProcessArgs, InProcessPipeline} from '../../../src/pipeline/index.js';
import {tinyPipeline} from './tiny.js';

/** Settings of a pipeline that is made of a model. */
export type PipelineArgs = Partial<InProcessArgs> & {
  model: tfl.LayersModel;
  stages: number | string[];
};

/** Makes pipelines that are closed after the spec, with all that belongs to them. */
export interface Pipelines {
  /** A folder of the spec alone. */
  readonly folder: string;
  /** A pipeline with four microbatches and the tiny optimizer, unless `args` says otherwise. */
  create(args: PipelineArgs): Promise<InProcessPipeline>;
}

/** To be called inside a `describe`. */
export function usePipelines(): Pipelines {
  const open: InProcessPipeline[] = [];
  const models: tfl.LayersModel[] = [];
  let folder = '';

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mapl-pipelines-'));
  });

  afterEach(async () => {
    for (const pipeline of open.splice(0)) {
      await pipeline.close();
      pipeline.trainers.forEach(({optimizer}) => (optimizer as Partial<tf.Optimizer>).dispose?.());
      pipeline.stages.forEach((stage) => stage.dispose());
    }
    models.splice(0).forEach((model) => model.dispose());
    fs.rmSync(folder, {recursive: true});
  });

  return {
    get folder() {
      return folder;
    },
    async create(args) {
      models.push(args.model);
      const pipeline = await tinyPipeline(args);
      open.push(pipeline);
      return pipeline;
    },
  };
}
