/**
 * Group `boundary`: the share of a stage's time that goes to its two boundaries. The stage is one in the middle, two
 * layers of width 512 between a decoder and an encoder of rank 128, trained on four microbatches of 8×128 tokens with the
 * paper's optimizers. Ours: encode, decode, all their gradients, and SPEL. Peer: the whole stage, these included.
 */
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend, setBackendEnvironment} from '../src/backends/index.js';
import {llama} from '../src/models/llama/index.js';
import {boundaryDecode, boundaryEncode} from '../src/ops/index.js';
import {train} from '../src/optimizers/index.js';
import {splitModel, vjp, type Stage} from '../src/pipeline/index.js';
import {StageCompute, variableOf} from '../src/pipeline/stage_compute.js';
import {row, type Benchmark} from './row.js';

const WIDTH = 512;
const RANK = 128;
const VOCAB = 2048;
const [BATCH, TIME, MICROBATCHES] = [8, 128, 4];
const MOST_ROUNDS = 9;

export const boundaryBenchmarks: Benchmark[] = [
  {
    group: 'boundary',
    name: 'boundary share of stage',
    async run({threads, rounds}) {
      setBackendEnvironment({intraOpThreads: threads});
      const {name, description} = await selectBackend();
      const model = llama({
        vocab_size: VOCAB,
        hidden_size: WIDTH,
        intermediate_size: 1376,
        num_hidden_layers: 6,
        num_attention_heads: 8,
        max_position_embeddings: TIME,
        seed: 1,
        mapl: {stages: 3, rank: RANK, boundaries: [1, 3]},
      });
      const stages = splitModel(model, {stages: 3});
      const stage = stageStep(stages[1]);
      const boundary = boundaryStep(stages[1]);
      const times: {stage: number[]; boundary: number[]} = {stage: [], boundary: []};
      const count = Math.min(MOST_ROUNDS, rounds);
      for (let i = -2; i < count; i++) {
        const whole = await timed(stage);
        const part = await timed(boundary);
        if (i < 0) continue;
        times.stage.push(whole);
        times.boundary.push(part);
      }
      const size = `d ${WIDTH}, r ${RANK}, ${MICROBATCHES} microbatches of ${BATCH}×${TIME}`;
      return {
        rows: [row(this.name, 'ms', times.boundary, times.stage)],
        notes: [`${this.name}: ${count} rounds on ${name} (${description}); ${size}`],
      };
    },
  },
];

/** One training step of the stage: forwards, backwards, update. */
function stageStep(stage: Stage): () => tf.Tensor {
  const compute = new StageCompute(stage, false);
  const optimizer = train.mapl({learningRate: 1e-4});
  const encoder = variableOf(stage.encoder!.wireProjector).name;
  const decoder = variableOf(stage.decoder!.wireProjector).name;
  const master = variableOf(stage.encoder!.boundary.projector);
  return () => {
    for (let m = 0; m < MICROBATCHES; m++) {
      const inputs = [tf.randomNormal([BATCH, TIME, RANK]), ids(m)];
      const out = compute.forward(m, inputs);
      const dy = tf.randomNormal(out.shape);
      out.dispose();
      compute.backward(m, dy, true)!.dispose();
    }
    const gradients = compute.takeGradients();
    // The neighbour's half of the projector's gradient: here this stage's own for the other boundary.
    gradients[master.name] = tf.add(gradients[encoder], gradients[decoder]);
    tf.dispose([gradients[encoder], gradients[decoder]]);
    delete gradients[encoder];
    delete gradients[decoder];
    optimizer.applyGradients(gradients);
    tf.dispose(gradients);
    return master;
  };
}

/** What the boundaries alone cost in such a step. */
function boundaryStep(stage: Stage): () => tf.Tensor {
  const {projector, senderAnchors} = stage.encoder!.boundary;
  const table = variableOf(senderAnchors!.table);
  const basis = senderAnchors!.basis!.read() as tf.Tensor2D;
  const master = tf.variable(projector.read(), true, 'bench/projector');
  const spel = train.spel({learningRate: 1e-5});
  const x = tf.keep(tf.randomNormal([BATCH, TIME, WIDTH]));
  const z = tf.keep(tf.randomNormal([BATCH, TIME, RANK]));
  return () => {
    let sum: tf.Tensor = tf.zeros(master.shape);
    for (let m = 0; m < MICROBATCHES; m++) {
      const batch = ids(m);
      const halves = [
        vjp((h, t) => boundaryDecode(h, t, master, table, basis), [z, batch], [master, table]),
        vjp((h, t) => boundaryEncode(h, t, master, table, basis), [x, batch], [master, table]),
      ];
      for (const half of halves) {
        const {inputs, variables} = half.backward([half.outputs[0]]);
        const next = tf.add(sum, variables[master.name]);
        tf.dispose([sum, half.outputs, variables, inputs.filter((t) => t != null)]);
        sum = next;
      }
      batch.dispose();
    }
    spel.applyGradients({[master.name]: sum});
    sum.dispose();
    return master;
  };
}

/** Wall time until the values of the result are there. */
async function timed(step: () => tf.Tensor): Promise<number> {
  const start = performance.now();
  await step().data();
  return performance.now() - start;
}

function ids(microbatch: number): tf.Tensor2D {
  const values = Int32Array.from(
    {length: BATCH * TIME},
    (_, i) => ((i + 1) * (microbatch + 7) * 31) % VOCAB,
  );
  return tf.tensor2d(values, [BATCH, TIME], 'int32');
}
