/** The transports that must behave alike, and pairs of them to try it on. */
import {
  InProcessNetwork,
  createIdentity,
  inProcessTransport,
  libp2pTransport,
} from '../../../src/pipeline/transport/index.js';
import type {
  Channel,
  Identity,
  Transport,
  TransportArgs,
} from '../../../src/pipeline/transport/index.js';
import type {DataFrame, FrameTensor} from '../../../src/pipeline/wire/index.js';

/** All arguments but those that the pair fills in. */
export type SomeArgs = Partial<TransportArgs>;

export interface Kind {
  readonly name: string;
  /** A transport that, if `listens`, others can connect to. */
  make(
    args: SomeArgs & Pick<TransportArgs, 'identity' | 'allow'>,
    listens: boolean,
  ): Promise<Transport>;
}

const network = new InProcessNetwork();

export const KINDS: Kind[] = [
  {
    name: 'in-process',
    make: (args, listens) =>
      inProcessTransport({
        configHash: 'same',
        network,
        listen: listens ? [`/memory/${args.identity.peerId}`] : [],
        ...args,
      }),
  },
  ...['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'].map((address) => ({
    name: `libp2p ${address}`,
    make: (args: SomeArgs & Pick<TransportArgs, 'identity' | 'allow'>, listens: boolean) =>
      libp2pTransport({configHash: 'same', listen: listens ? [address] : [], ...args}),
  })),
];

/** Two transports that may talk to each other; `a` connects to `b`. */
export interface Pair {
  readonly a: Transport;
  readonly b: Transport;
  readonly ids: readonly [Identity, Identity];
  /** Opens a channel and returns both of its ends. */
  channels(): Promise<[Channel, Channel]>;
  close(): Promise<void>;
}

export async function makePair(
  kind: Kind,
  forA: SomeArgs = {},
  forB: SomeArgs = {},
): Promise<Pair> {
  const ids = [await createIdentity(), await createIdentity()] as const;
  const a = await kind.make({identity: ids[0], allow: [ids[1].peerId], ...forA}, false);
  const b = await kind.make({identity: ids[1], allow: [ids[0].peerId], ...forB}, true);
  return {
    a,
    b,
    ids,
    async channels() {
      const accepted = new Promise<Channel>((resolve) => b.onChannel(resolve));
      return [await a.connect(b.addresses[0]), await accepted];
    },
    async close() {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

/** Bytes that tell where they are, so that anything lost or swapped shows. */
export function pattern(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed + 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** A tensor `z` of `length` bytes of `pattern`. */
export function tensorOf(length: number, seed: number): FrameTensor {
  return {
    name: 'z',
    codec: 'float32',
    dtype: 'float32',
    shape: [length / 4],
    bytes: pattern(length, seed),
  };
}

/** Whether the payload of a frame is that of `tensorOf`. */
export function isTensorOf(frame: DataFrame, length: number, seed: number): boolean {
  const {bytes} = frame.tensors[0];
  return Buffer.compare(bytes, pattern(length, seed)) === 0;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits until something is so, however long that takes on this machine; 60 s at most. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 10) {
    if (waited > 60000) {
      throw new Error(`waited in vain until ${what}`);
    }
    await sleep(10);
  }
}

/** What a promise was rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection, but it resolved');
}
