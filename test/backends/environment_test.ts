/** Settings that TensorFlow reads from the environment. */
import {itRefuses, untyped} from '../support/refusals.js';
import {backendEnvironment, setBackendEnvironment} from '../../src/backends/index.js';

describe('backendEnvironment', () => {
  it('is deterministic and quiet unless told otherwise', () => {
    expect(backendEnvironment()).toEqual({
      TF_DETERMINISTIC_OPS: '1',
      TF_ENABLE_ONEDNN_OPTS: '1',
      TF_CPP_MIN_LOG_LEVEL: '2',
    });
  });

  it('leaves what the user has set', () => {
    const set = {
      TF_DETERMINISTIC_OPS: '0',
      TF_ENABLE_ONEDNN_OPTS: '0',
      TF_CPP_MIN_LOG_LEVEL: '0',
    };
    expect(backendEnvironment({}, set)).toEqual({});
    expect(backendEnvironment({deterministic: true, logLevel: 3}, set)).toEqual({
      TF_DETERMINISTIC_OPS: '1',
      TF_CPP_MIN_LOG_LEVEL: '3',
    });
  });

  it('sets threads', () => {
    const env = backendEnvironment({intraOpThreads: 2, interOpThreads: 1, deterministic: false});
    expect(env.TF_NUM_INTRAOP_THREADS).toBe('2');
    expect(env.TF_NUM_INTEROP_THREADS).toBe('1');
    expect(env.TF_DETERMINISTIC_OPS).toBe('0');
  });

  for (const count of [0, -1, 1.5, NaN]) {
    it(`refuses ${count} threads`, () => {
      expect(() => backendEnvironment({intraOpThreads: count})).toThrowError(
        `backendEnvironment: intraOpThreads is ${count}, expected a whole number of at least 1.`,
      );
    });
  }

  it('reaches the environment of this process', () => {
    const before = process.env.TF_NUM_INTEROP_THREADS;
    try {
      setBackendEnvironment({interOpThreads: 3});
      expect(process.env.TF_NUM_INTEROP_THREADS).toBe('3');
    } finally {
      if (before == null) delete process.env.TF_NUM_INTEROP_THREADS;
      else process.env.TF_NUM_INTEROP_THREADS = before;
    }
  });
});

describe('Arguments of backendEnvironment', () => {
  const call = untyped(backendEnvironment);
  itRefuses([
    ['null', () => call(null), /backendEnvironment: the argument is null, expected an object/],
    ['a number', () => call(4), /the argument is 4, expected an object/],
    ['an unknown key', () => call({threads: 4}), /unknown key 'threads', did you mean/],
    ['a switch as text', () => call({deterministic: 'no'}), /deterministic is 'no', expected true/],
    ['a log level', () => call({logLevel: 9}), /logLevel is 9, expected 0, 1, 2 or 3/],
  ]);
});
