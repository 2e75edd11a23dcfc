/** What libp2p 3 takes for granted and Node 20 lacks. */

interface Resolvers<Value> {
  promise: Promise<Value>;
  resolve: (value: Value | PromiseLike<Value>) => void;
  reject: (reason?: unknown) => void;
}

interface ShimTarget {
  Promise: PromiseConstructor & {withResolvers?: <Value>() => Resolvers<Value>};
  WebSocket?: unknown;
}

function withResolvers<Value>(): Resolvers<Value> {
  let settle!: Pick<Resolvers<Value>, 'resolve' | 'reject'>;
  const promise = new Promise<Value>((resolve, reject) => (settle = {resolve, reject}));
  return {promise, ...settle};
}

/**
 * Adds `Promise.withResolvers` (Node 20 lacks it; without it a dial fails with ECONNRESET and
 * nothing else is said) and `WebSocket` (Node 20 and 21 lack it; without it no ws address can be
 * dialled) where they are missing. Must run before anything of libp2p is imported.
 */
export async function installNodeShims(
  target: ShimTarget = globalThis as unknown as ShimTarget,
): Promise<void> {
  target.Promise.withResolvers ??= withResolvers;
  if (target.WebSocket == null) {
    const {WebSocket} = await import('ws');
    target.WebSocket = WebSocket;
  }
}
