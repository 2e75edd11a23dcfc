import {Timeout} from './transport_errors.js';
import type {WaitOptions} from './transport.js';

/** A promise that is settled from outside, or given up by a signal or after a time. */
export interface Pending<Result> {
  readonly promise: Promise<Result>;
  resolve(result: Result): void;
  reject(error: Error): void;
}

/**
 * @param what Says in the error of a timeout what was not done.
 * @param onGivenUp Called after the promise was rejected by signal or time.
 * @throws The reason of a signal that has aborted already.
 */
export function pending<Result>(
  options: WaitOptions,
  what: () => string,
  onGivenUp: () => void = () => undefined,
): Pending<Result> {
  const {signal, timeoutMs} = options;
  signal?.throwIfAborted();
  let settle!: {resolve: (result: Result) => void; reject: (error: unknown) => void};
  const promise = new Promise<Result>((resolve, reject) => (settle = {resolve, reject}));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const release = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  const giveUp = (error: unknown) => {
    release();
    settle.reject(error);
    onGivenUp();
  };
  const onAbort = () => giveUp(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  if (timeoutMs != null) {
    const late = () => giveUp(new Timeout(`${what()} took longer than ${timeoutMs} ms.`));
    timer = setTimeout(late, timeoutMs);
  }
  return {
    promise,
    resolve: (result) => {
      release();
      settle.resolve(result);
    },
    reject: (error) => {
      release();
      settle.reject(error);
    },
  };
}
