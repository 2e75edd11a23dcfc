/**
 * Group `memory`: what a stage holds for its backward passes at once, 1F1B against GPipe, four stages and eight
 * microbatches. Bytes counted by the trainer, so the same in every run.
 */
import {selectBackend, setBackendEnvironment} from '../src/backends/index.js';
import {llama} from '../src/models/llama/index.js';
import {train} from '../src/optimizers/index.js';
import {InProcessPipeline, type StepMetrics} from '../src/pipeline/index.js';
import {row, type Benchmark} from './row.js';

const STAGES = 4;
const MICROBATCHES = 8;
const VOCAB = 2048;
const [BATCH, TIME] = [16, 128];

export const memoryBenchmarks: Benchmark[] = [
  {
    group: 'memory',
    name: 'stage peak memory 1f1b vs gpipe',
    async run({threads}) {
      setBackendEnvironment({intraOpThreads: threads});
      const {name} = await selectBackend();
      const ours = await peaks('1f1b');
      const peer = await peaks('gpipe');
      const rows = ours.map((metrics, stage) =>
        // The first stage has the most in flight, so it gives the plain name.
        row(
          stage === 0 ? this.name : `${this.name}, stage ${stage}`,
          'MB',
          [metrics.peakHeldBytes / 1e6],
          [peer[stage].peakHeldBytes / 1e6],
        ),
      );
      const flights = (list: StepMetrics[]) => list.map((m) => m.peakInFlight).join(', ');
      return {
        rows,
        notes: [
          `${this.name}: on ${name}, held for backward passes, weights not counted; microbatches in flight on ` +
            `stages 0 to ${STAGES - 1}: 1F1B ${flights(ours)}, GPipe ${flights(peer)}`,
        ],
      };
    },
  },
];

async function peaks(schedule: string): Promise<StepMetrics[]> {
  const model = llama({
    vocab_size: VOCAB,
    hidden_size: 128,
    intermediate_size: 352,
    num_hidden_layers: STAGES,
    num_attention_heads: 4,
    max_position_embeddings: TIME,
    seed: 1,
    mapl: {stages: STAGES, rank: 32},
  });
  const pipeline = await InProcessPipeline.create({
    model,
    stages: STAGES,
    optimizer: () => train.mapl({learningRate: 1e-3}),
    schedule,
    microbatches: MICROBATCHES,
    vocabSize: VOCAB,
  });
  const at = (shift: number) =>
    Int32Array.from({length: BATCH * TIME}, (_, i) => ((i + shift) * 31) % VOCAB);
  const metrics = await pipeline.step({ids: at(0), targets: at(1), shape: [BATCH, TIME]});
  await pipeline.close();
  return metrics;
}
