import {fork, type ChildProcess} from 'node:child_process';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {selectBackend} from '../../src/backends/index.js';
import {createIdentity, type StepMetrics} from '../../src/pipeline/index.js';
import type {WorkerMessage, WorkerSetup} from './support/stage_worker.js';
import {tinyBatch, tinyPipeline, weightValues} from './support/tiny.js';

const STAGES = 4;
const MICROBATCHES = 4;

/** Four processes, connected in a row; `metrics[p]` grows with every step of stage p. */
class Processes {
  readonly metrics: StepMetrics[][] = [];
  private readonly ends: Array<Promise<WorkerMessage>> = [];
  private constructor(readonly children: ChildProcess[]) {}

  static async start(
    steps: number,
    onStep?: (index: number, step: number) => void,
  ): Promise<Processes> {
    const identities = await Promise.all(Array.from({length: STAGES}, createIdentity));
    const worker = path.join(import.meta.dirname, 'support', 'stage_worker.ts');
    const processes = new Processes(
      identities.map(() =>
        fork(worker, [], {
          execArgv: ['--import', 'tsx'],
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        }),
      ),
    );
    const addresses = await Promise.all(
      processes.children.map((child, index) => {
        const metrics: StepMetrics[] = [];
        processes.metrics.push(metrics);
        let listening!: (address: string) => void;
        const address = new Promise<string>((resolve, reject) => {
          listening = resolve;
          child.on('exit', () => reject(new Error(`stage ${index} ended before it listened`)));
        });
        address.catch(() => undefined);
        processes.ends.push(
          new Promise((resolve) => {
            child.on('message', (message: WorkerMessage) => {
              if (message.type === 'listening') {
                listening(message.address);
              } else if (message.type === 'step') {
                metrics.push(message.metrics);
                onStep?.(index, message.metrics.step);
              } else {
                resolve(message);
              }
            });
            child.on('exit', () => resolve({type: 'failed', message: 'exited'}));
          }),
        );
        const setup: WorkerSetup = {
          backend: tf.getBackend(),
          index,
          stages: STAGES,
          steps,
          microbatches: MICROBATCHES,
          schedule: '1f1b',
          identity: identities[index],
          // Only the neighbours may connect.
          allow: [index - 1, index + 1].flatMap((i) => identities[i]?.peerId ?? []),
        };
        child.send(setup);
        return address;
      }),
    );
    processes.children.forEach((child, i) => child.send({next: addresses[i + 1] ?? null}));
    return processes;
  }

  /** What each process said last. */
  async results(): Promise<WorkerMessage[]> {
    return Promise.all(this.ends);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode != null || child.signalCode != null) return resolve();
            child.on('exit', () => resolve());
            const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
            timer.unref();
            if (child.connected) child.send({stop: true});
            else child.kill('SIGKILL');
          }),
      ),
    );
  }
}

/** Trains in four processes, then in this one under both schedules, and compares everything. */
async function compare(steps: number): Promise<void> {
  const processes = await Processes.start(steps);
  try {
    const results = await processes.results();
    expect(results.map(({type}) => type)).toEqual(['done', 'done', 'done', 'done']);
    for (const schedule of ['1f1b', 'gpipe']) {
      const pipeline = await tinyPipeline({stages: STAGES, microbatches: MICROBATCHES, schedule});
      for (let step = 0; step < steps; step++) {
        const single = await pipeline.step(tinyBatch(step));
        for (let p = 0; p < STAGES; p++) {
          const split = processes.metrics[p][step];
          expect(split.loss).toBe(single[0].loss);
          expect(split.gradNorm).toBe(single[0].gradNorm);
          expect(split.forward.payload).toBe(single[p].forward.payload);
          expect(split.backward.payload).toBe(single[p].backward.payload);
          expect(split.forward.overhead).toBe(single[p].forward.overhead);
        }
      }
      for (let p = 0; p < STAGES; p++) {
        const {weights} = results[p] as {weights: {[name: string]: number[]}};
        expect(weights).toEqual(await weightValues(pipeline.stages[p].weights));
      }
      await pipeline.close();
      pipeline.trainers.forEach(({optimizer}) => (optimizer as tf.Optimizer).dispose());
    }
    const [first] = processes.metrics;
    expect(first[steps - 1].loss).toBeLessThan(0.7 * first[0].loss);
    // Flat memory in each process.
    for (const metrics of processes.metrics) {
      expect(new Set(metrics.slice(2).map(({numTensors}) => numTensors)).size).toBe(1);
    }
  } finally {
    await processes.stop();
  }
}

const own = tf.getBackend();

describe('four processes over libp2p', () => {
  afterAll(async () => {
    await tf.setBackend(own);
  });

  for (const backend of new Set([own, 'cpu'])) {
    it(`give every loss and weight of the single process, bit for bit, on ${backend}`, async () => {
      await selectBackend({prefer: backend});
      await compare(50);
    });
  }

  it('all stop when one is killed in the middle of a step', async () => {
    await selectBackend({prefer: own});
    const processes = await Processes.start(100_000, (index, step) => {
      if (index === 2 && step === 1) {
        processes.children[2].kill('SIGKILL');
      }
    });
    try {
      const results = await processes.results();
      for (const index of [0, 1, 3]) {
        const {type, message} = results[index] as {type: string; message: string};
        expect(type).toBe('failed');
        expect(message).toMatch(
          /^Step \d+ stopped at stage [13](, microbatch \d)?: stage 2 was lost: /,
        );
      }
    } finally {
      await processes.stop();
    }
  });
});
