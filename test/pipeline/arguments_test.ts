/** The pipeline's functions and classes called with what they cannot work with. */
import * as tf from '@tensorflow/tfjs-core';
import * as pipeline from '../../src/pipeline/index.js';
import {train} from '../../src/optimizers/index.js';
import {construct, itRefuses, untyped, type Refusal} from '../support/refusals.js';

const print = (value: unknown) =>
  value === undefined || Number.isNaN(value) ? String(value) : JSON.stringify(value);

/** Calls of `f` with one bad value each, `^<start> is …` expected. */
function each(name: string, f: unknown, start: string, values: unknown[]): Refusal[] {
  return values.map((value) => [
    `${name}(${print(value)})`,
    () => untyped(f)(value),
    new RegExp(`^${start} is .*expected `),
  ]);
}

describe('Arguments of schedules', () => {
  const size = [undefined, null, 'x', NaN, []];
  const form = [undefined, null, 'x', NaN, [], {}, {stages: 1, microbatches: 1, actions: 5}];
  const one = pipeline.oneFOneB({stages: 2, microbatches: 1});
  const costs = {forwardSeconds: 1, backwardSeconds: 1, forwardBytes: [1], backwardBytes: [1]};
  const link = {mbps: 1, delayMs: 0};
  const time = (more: object) => () => untyped(pipeline.stepTime)(one, {...costs, link, ...more});
  itRefuses([
    ...each('gpipe', pipeline.gpipe, 'gpipe: the argument', size),
    ...each('oneFOneB', pipeline.oneFOneB, 'oneFOneB: the argument', size),
    [
      'gpipe({})',
      () => untyped(pipeline.gpipe)({}),
      /gpipe: stages is missing, expected a whole number/,
    ],
    [
      'an unknown key of a size',
      () => untyped(pipeline.oneFOneB)({stages: 2, microbatch: 1}),
      /oneFOneB: unknown key 'microbatch', did you mean 'microbatches'/,
    ],
    ...each('checkSchedule', pipeline.checkSchedule, 'checkSchedule: .*schedule', form),
    ...each('printSchedule', pipeline.printSchedule, 'checkSchedule: .*schedule', form),
    ...each('formatSchedule', pipeline.formatSchedule, 'formatSchedule: .*schedule', form),
    ...each('stepTime', pipeline.stepTime, 'checkSchedule: .*schedule', form),
    [
      'a schedule with an action null',
      () => untyped(pipeline.checkSchedule)({...one, actions: [[null], []]}),
      /actions\[0\]\[0\] is null, expected an action/,
    ],
    [
      'costs null',
      () => untyped(pipeline.checkSchedule)(one, null),
      /checkSchedule, costs: the argument is null, expected an object/,
    ],
    ['costs of 0', () => pipeline.checkSchedule(one, {forward: 0}), /forward is 0, expected/],
    ...each('printAction', pipeline.printAction, 'printAction: action', [undefined, null, 'x', {}]),
    ...each('parseAction', pipeline.parseAction, 'parseAction: text', [undefined, null, NaN, {}]),
    ...each('parseSchedule', pipeline.parseSchedule, 'parseSchedule: text', [undefined, null, 5]),
    ...each('registerSchedule', pipeline.registerSchedule, 'registerSchedule: name', [
      undefined,
      5,
    ]),
    [
      'a schedule registered as nothing',
      () => untyped(pipeline.registerSchedule)('mine'),
      /registerSchedule: make is missing, expected a function/,
    ],
    [
      'makeSchedule()',
      () => untyped(pipeline.makeSchedule)(),
      /'undefined' is not known: expected/,
    ],
    [
      "makeSchedule('1f1b')",
      () => untyped(pipeline.makeSchedule)('1f1b'),
      /oneFOneB: the argument/,
    ],
    [
      'stepTime without costs',
      () => untyped(pipeline.stepTime)(one),
      /costs: the argument is miss/,
    ],
    ['stepTime without a link', time({link: undefined}), /stepTime, link: the argument is missing/],
    ['bytes NaN', time({forwardBytes: [NaN]}), /forwardBytes\[0\] is NaN, expected a number of at/],
    ['bytes that are no list', time({backwardBytes: 5}), /backwardBytes is 5, expected a list/],
    ['a time as text', time({forwardSeconds: '1'}), /forwardSeconds is 1, expected at least 0/],
    ['a rate NaN', time({link: {...link, mbps: NaN}}), /mbps is NaN, expected more than 0/],
  ]);
});

describe('Arguments of vjp', () => {
  const vjp = untyped(pipeline.vjp);
  const nothing = () => [];
  itRefuses([
    ...each('vjp', vjp, 'vjp: f', [undefined, null, 'x', NaN, {}]),
    ['vjp(f)', () => vjp(nothing), /^vjp: inputs is missing, expected a list of tensors/],
    ['inputs null', () => vjp(nothing, null), /^vjp: inputs is null, expected a list/],
    ['an input 5', () => vjp(nothing, [5]), /^vjp: inputs\[0\] is 5, expected a tensor/],
    ['variables null', () => vjp(nothing, [], null), /^vjp: variables is null, expected a list/],
    ['a variable null', () => vjp(nothing, [], [null]), /variables\[0\] is null, expected a tf.V/],
    ['options null', () => vjp(nothing, [], [], null), /^vjp, options: the argument is null/],
    [
      'an unknown option',
      () => vjp(nothing, [], [], {again: true}),
      /vjp, options: unknown key 'again', did/,
    ],
    ['recompute 1', () => vjp(nothing, [], [], {recompute: 1}), /recompute is 1, expected true or/],
    [
      'gradients that are no list',
      () => {
        const [x, y] = [tf.scalar(1), pipeline.vjp(() => [], [])];
        x.dispose();
        return untyped(y.backward.bind(y))();
      },
      /backward\(dys\): dys is missing, expected a list/,
    ],
  ]);
});

describe('Arguments of stages and trainers', () => {
  const trainer = construct(pipeline.StageTrainer);
  const create = untyped(pipeline.InProcessPipeline.create.bind(pipeline.InProcessPipeline));
  const ready = {optimizer: () => train.spel(), microbatches: 1, vocabSize: 8};
  itRefuses([
    ...each('splitModel', pipeline.splitModel, 'splitModel: the model', [undefined, null, {}, 'x']),
    ...each('Stage', construct(pipeline.Stage), 'Stage: .*', [
      undefined,
      null,
      'x',
      {},
      {model: 5},
    ]),
    ...each('keepStage', pipeline.keepStage, 'keepStage: stages', [undefined, null, {}, 'x']),
    ['keepStage([])', () => untyped(pipeline.keepStage)([]), /no stage undefined, expected/],
    [
      'a fault missing',
      () => construct(pipeline.PipelineError)(),
      /PipelineError: the argument is m/,
    ],
    ...each('StageTrainer', trainer, 'StageTrainer: (the argument|stage)', [
      undefined,
      null,
      {},
      5,
    ]),
    [
      'a stage that is none',
      () => trainer({stage: {}}),
      /StageTrainer: stage is an object, expected/,
    ],
    [
      'new InProcessPipeline()',
      () => construct(pipeline.InProcessPipeline)(),
      /stages is missing, ex/,
    ],
    ['create() of a pipeline', () => create(), /InProcessPipeline.create: the argument is missing/],
    [
      'a network that is none',
      () => create({...ready, model: [], network: {}}),
      /create: network is an object, expected new InProcessNetwork\(\)/,
    ],
    [
      'stages that are none',
      () => create({...ready, model: [5]}),
      /create: stage is 5, expected a st/,
    ],
    [
      'a model that is none',
      () => create({...ready, model: 5, stages: 2}),
      /splitModel: the model is 5/,
    ],
  ]);
});

describe('Arguments of checkpoints', () => {
  const texts = [undefined, null, '', 5, {}];
  itRefuses([
    ...each('beginCheckpoint', pipeline.beginCheckpoint, 'beginCheckpoint: target', texts),
    ...each('listCheckpoints', pipeline.listCheckpoints, 'listCheckpoints: root', texts),
    ...each('latestCheckpoint', pipeline.latestCheckpoint, 'latestCheckpoint: root', texts),
    ...each('readCheckpoint', pipeline.readCheckpoint, 'readCheckpoint: folder', texts),
    ...each('readState', pipeline.readState, 'readState: folder', texts),
    ...each('writeShard', pipeline.writeShard, 'writeShard: folder', texts),
    ...each('commitCheckpoint', pipeline.commitCheckpoint, 'commitCheckpoint: folder', texts),
    ...each('checkpointName', pipeline.checkpointName, 'checkpointName: step', [
      undefined,
      null,
      NaN,
      -1,
      1.5,
      '7',
    ]),
    ...each('checkpointFormat', pipeline.checkpointFormat, 'checkpointFormat: model', [
      undefined,
      null,
      {},
      'x',
    ]),
    [
      'pruneCheckpoints()',
      () => untyped(pipeline.pruneCheckpoints)(),
      /pruneCheckpoints: keep is m/,
    ],
    [
      'pruneCheckpoints(null, 1)',
      () => untyped(pipeline.pruneCheckpoints)(null, 1),
      /pruneCheckpoints: root is null, expected a path/,
    ],
    [
      'a shard of no stage',
      () => untyped(pipeline.writeShard)('x'),
      /writeShard: stage is missing/,
    ],
    [
      'parts that are none',
      () =>
        untyped(pipeline.commitCheckpoint)('x', 'y', {parameters: 1, json: 1, identity: 1}, [null]),
      /commitCheckpoint: shards\[0\] is null, expected what writeShard gave/,
    ],
  ]);
});

describe('Arguments of transports', () => {
  const common = {identity: {peerId: 'a'}, allow: [], configHash: ''};
  const own = (more: object) => () =>
    untyped(pipeline.inProcessTransport)({
      ...common,
      network: new pipeline.InProcessNetwork(),
      ...more,
    });
  const values = [undefined, null, 'x', NaN, []];
  const network = construct(pipeline.InProcessNetwork);
  itRefuses([
    ...each('libp2pTransport', pipeline.libp2pTransport, 'libp2pTransport: the argument', values),
    ...each(
      'inProcessTransport',
      pipeline.inProcessTransport,
      'inProcessTransport: the argument',
      values,
    ),
    [
      'no identity',
      own({identity: undefined}),
      /inProcessTransport: identity is missing, expected/,
    ],
    [
      'an identity without PeerId',
      own({identity: {}}),
      /identity is an object, expected what await/,
    ],
    [
      'a network that is none',
      own({network: {}}),
      /network is an object, expected new InProcessNet/,
    ],
    ['allow that is no list', own({allow: 5}), /transport: allow is 5; expected a list of PeerIds/],
    ['listen that is no list', own({listen: 'x'}), /listen is 'x', expected a list of addresses/],
    ['a heartbeat that is none', own({heartbeat: 5}), /heartbeat is 5, expected an object/],
    [
      'an unknown key',
      own({alow: []}),
      /inProcessTransport: unknown key 'alow', did you mean 'allow'/,
    ],
    [
      'libp2p with a key that is none',
      () => untyped(pipeline.libp2pTransport)(common),
      /identity: privateKey is no private key; expected the base64 that createIdentity/,
    ],
    [
      'identityFromKey()',
      () => untyped(pipeline.identityFromKey)(),
      /privateKey is no private key/,
    ],
    [
      'identityFromKey(5)',
      () => untyped(pipeline.identityFromKey)(5),
      /privateKey is no private key/,
    ],
    ['a network of null', () => network(null), /InProcessNetwork: the argument is null, expected/],
    ['a delay NaN', () => network({delayMs: NaN}), /delayMs is NaN, expected a number of at/],
    ['a rate of 0', () => network({bytesPerSecond: 0}), /bytesPerSecond is 0, expected a number/],
    ['an unknown line', () => network({delay: 1}), /unknown key 'delay', did you mean 'delayMs'/],
  ]);
});

describe('Arguments of frames', () => {
  const frame = {type: 'activation', tensors: []};
  const encode = untyped(pipeline.encodeFrame);
  const bytes = [undefined, null, 'x', 5, {}, [1]];
  itRefuses([
    ...each('decodeFrame', pipeline.decodeFrame, 'decodeFrame: bytes', bytes),
    ...each('encodeFrame', encode, 'encodeFrame: .*', [
      undefined,
      null,
      'x',
      {},
      {type: 'toString'},
    ]),
    ...each('frameSize', pipeline.frameSize, 'encodeFrame: .*', [undefined, null, 5, {type: 5}]),
    [
      'tensors that are no list',
      () => encode({...frame, tensors: 5}),
      /tensors is 5, expected a list/,
    ],
    [
      'a tensor null',
      () => encode({...frame, tensors: [null]}),
      /tensors\[0\] is null, expected \{na/,
    ],
    ...each('joinPieces', pipeline.joinPieces, 'joinPieces: pieces.*', [
      undefined,
      null,
      'x',
      [null],
    ]),
    ...each('frameTensor', pipeline.frameTensor, 'frameTensor: frame', [undefined, null, 'x', {}]),
    [
      'frameTensor without a name',
      () => untyped(pipeline.frameTensor)(frame),
      /frameTensor: name is missing, expected the name of a tensor/,
    ],
    ...each('FrameReader', construct(pipeline.FrameReader), 'FrameReader: maxFrameBytes', [
      undefined,
      null,
      '5',
      NaN,
      0,
    ]),
    [
      'a chunk that is no bytes',
      () => [...new pipeline.FrameReader(9).push('x' as unknown as Uint8Array)],
      /FrameReader.push: chunk is 'x', expected bytes/,
    ],
  ]);
});
