/** Functions that tfjs-node 4.22 takes from `node:util` and newer Node no longer has. */

/** The module object of `node:util`, or one made for a test. */
export type UtilModule = Record<string, unknown>;

/** What Node 23 removed, by name, with the behaviour it had. */
const REMOVED: Record<string, (value: unknown) => boolean> = {
  isArray: (value) => Array.isArray(value),
  isBoolean: (value) => typeof value === 'boolean',
  isFunction: (value) => typeof value === 'function',
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value == null,
  isNumber: (value) => typeof value === 'number',
  isObject: (value) => value !== null && typeof value === 'object',
  isPrimitive: (value) =>
    value === null || (typeof value !== 'object' && typeof value !== 'function'),
  isString: (value) => typeof value === 'string',
  isUndefined: (value) => value === undefined,
};

/**
 * Puts back the functions of `node:util` that tfjs-node calls: `tf.topk`, string tensors and multi-output ops fail
 * without them on Node 23 and newer. On Node 22, which still has them, ours are set too: the native ones print a
 * deprecation warning at the first call.
 *
 * To be called before tfjs-node is loaded. Its files are left as they are.
 *
 * @param util the CommonJS object of `node:util` (`(await import('node:util')).default`)
 * @param nodeMajor major version of Node
 * @returns the names that were set
 */
export function mendNodeUtil(util: UtilModule, nodeMajor: number): string[] {
  const mended: string[] = [];
  for (const [name, replacement] of Object.entries(REMOVED)) {
    if (typeof util[name] === 'function' && nodeMajor < 22) continue;
    Object.defineProperty(util, name, {
      value: replacement,
      configurable: true,
      enumerable: true,
      writable: true,
    });
    mended.push(name);
  }
  return mended;
}
