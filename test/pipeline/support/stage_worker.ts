/**
 * One stage of the tiny model in a process of its own, for `processes_test.ts`: talks to the test over Node's IPC channel and to its
 * neighbours over libp2p.
 */
import {
  keepStage,
  libp2pTransport,
  splitModel,
  StageTrainer,
  type Channel,
  type Identity,
  type StepMetrics,
} from '../../../src/pipeline/index.js';
import {useBackend} from '../../support/use_backend.js';
import {tinyBatch, tinyModel, tinyOptimizer, VOCAB, weightValues} from './tiny.js';

/** From the test. */
export interface WorkerSetup {
  backend: string;
  index: number;
  stages: number;
  steps: number;
  microbatches: number;
  schedule: string;
  identity: Identity;
  allow: string[];
}

/** To the test. */
export type WorkerMessage =
  | {type: 'listening'; address: string}
  | {type: 'step'; metrics: StepMetrics}
  | {type: 'done'; weights: {[name: string]: number[]}}
  | {type: 'failed'; message: string};

const send = (message: WorkerMessage) => process.send!(message);
const message = <T>() =>
  new Promise<T>((resolve) => process.once('message', (m) => resolve(m as T)));
process.on('disconnect', () => process.exit(1));

async function run(): Promise<void> {
  const setup = await message<WorkerSetup>();
  const {index, stages, identity, allow, microbatches, schedule} = setup;
  const transport = await libp2pTransport({
    identity,
    allow,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    configHash: 'processes_test',
  });
  const accepted = new Promise<Channel>((resolve) => transport.onChannel(resolve));
  send({type: 'listening', address: transport.addresses[0]});
  const {next} = await message<{next: string | null}>();
  await useBackend(setup.backend);
  const connecting = next == null ? undefined : transport.connect(next, {timeoutMs: 120_000});
  connecting?.catch(() => undefined);
  const stage = keepStage(splitModel(tinyModel(), {stages}), index);
  const trainer = new StageTrainer({
    stage,
    optimizer: tinyOptimizer(),
    microbatches,
    schedule,
    vocabSize: VOCAB,
    next: await connecting,
    previous: index === 0 ? undefined : await accepted,
  });
  for (let step = 0; step < setup.steps; step++) {
    // The stages in the middle see no data at all.
    const data = stage.isFirst || stage.isLast ? tinyBatch(step) : {};
    send({type: 'step', metrics: await trainer.step(data)});
  }
  send({type: 'done', weights: await weightValues(stage.weights)});
  await message();
  trainer.dispose();
  await transport.close();
}

run().then(
  () => process.exit(0),
  (error: Error) => {
    send({type: 'failed', message: error.message});
    setTimeout(() => process.exit(1), 200);
  },
);
