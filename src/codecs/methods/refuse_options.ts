/** The check that no setting is silently without effect. */
import type {MethodOptions, MethodRequest} from '../method.js';

/**
 * Throws if the user named an option that a method has no use for, or fixes itself.
 *
 * @param method Its name.
 * @param allowed Options that it does take.
 */
export function refuseOptions(
  method: string,
  {options, anchorRank}: MethodRequest,
  allowed: Array<keyof MethodOptions | 'anchorRank'> = [],
): void {
  for (const [key, value] of Object.entries({...options, anchorRank: anchorRank ?? undefined})) {
    if (value !== undefined && !allowed.includes(key as keyof MethodOptions)) {
      throw new Error(
        `compression.${key} is ${JSON.stringify(value)}, but the method '${method}' has no such setting: ` +
          'leave it out (null), or choose a method that has it, such as mapl.',
      );
    }
  }
}
