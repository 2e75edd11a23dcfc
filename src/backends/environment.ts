/** Settings that the native libraries read from the environment when they are loaded. */
import {checkOptions} from '../ops/check_options.js';
import {checkBoolean, checkInteger, refuseValue} from '../ops/check_values.js';

/** What {@link setBackendEnvironment} can set. */
export interface BackendEnvironment {
  /**
   * Same inputs, same bits (`TF_DETERMINISTIC_OPS=1`): TensorFlow takes deterministic kernels or refuses the op.
   * Default true, or what is set already: a split run can only equal the single-process run bit for bit with it.
   */
  deterministic?: boolean;
  /**
   * Threads that one op may use (`TF_NUM_INTRAOP_THREADS`). TensorFlow cuts sums by the number of threads: runs that
   * should agree bit for bit need the same number. Default: left as it is, all cores.
   */
  intraOpThreads?: number;
  /** Ops that may run at once (`TF_NUM_INTEROP_THREADS`). Default: left as it is. */
  interOpThreads?: number;
  /** TensorFlow's own log: 0 all, 1 without info, 2 without warnings, 3 nothing. Default 2, or what is set already. */
  logLevel?: 0 | 1 | 2 | 3;
}

const KEYS = ['deterministic', 'intraOpThreads', 'interOpThreads', 'logLevel'];

/**
 * The variables for `settings`, as an object: for the environment of a child process, or for
 * {@link setBackendEnvironment}. Variables that the user has set keep their value unless `settings` names them.
 *
 * @throws Error if a thread count is not a positive integer
 */
export function backendEnvironment(
  settings: BackendEnvironment = {},
  current: Record<string, string | undefined> = {},
): Record<string, string> {
  checkOptions('backendEnvironment', settings, '{intraOpThreads: 2}', KEYS);
  if (settings.deterministic != null) {
    checkBoolean('backendEnvironment', 'deterministic', settings.deterministic);
  }
  const {deterministic, intraOpThreads, interOpThreads, logLevel} = settings;
  const env: Record<string, string> = {};
  if (deterministic != null) env.TF_DETERMINISTIC_OPS = deterministic ? '1' : '0';
  else if (current.TF_DETERMINISTIC_OPS == null) env.TF_DETERMINISTIC_OPS = '1';
  const threads = {intraOpThreads, interOpThreads};
  for (const [name, count] of Object.entries(threads)) {
    if (count == null) continue;
    checkInteger('backendEnvironment', name, count, 1);
    env[name === 'intraOpThreads' ? 'TF_NUM_INTRAOP_THREADS' : 'TF_NUM_INTEROP_THREADS'] =
      String(count);
  }
  // Without oneDNN, TensorFlow 2.21 multiplies with generated code that a signal must not interrupt: under Node's CPU
  // profiler (SIGPROF) the heap is corrupted within seconds. By itself it is on only where the CPU is new enough.
  if (current.TF_ENABLE_ONEDNN_OPTS == null) env.TF_ENABLE_ONEDNN_OPTS = '1';
  if (logLevel != null && ![0, 1, 2, 3].includes(logLevel)) {
    refuseValue('backendEnvironment', 'logLevel', logLevel, '0, 1, 2 or 3');
  }
  if (logLevel != null) env.TF_CPP_MIN_LOG_LEVEL = String(logLevel);
  else if (current.TF_CPP_MIN_LOG_LEVEL == null) env.TF_CPP_MIN_LOG_LEVEL = '2';
  return env;
}

/**
 * Sets the environment for TensorFlow in this process. To be called before a backend is brought up: the library reads
 * these variables once. Does nothing in a browser.
 *
 * @throws Error if a thread count is not a positive integer
 */
export function setBackendEnvironment(settings: BackendEnvironment = {}): void {
  if (typeof process === 'undefined' || process.env == null) return;
  Object.assign(process.env, backendEnvironment(settings, process.env));
}
