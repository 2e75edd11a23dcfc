/** How a group of variables is described, tested against a name, and saved. */
import type * as tf from '@tensorflow/tfjs-core';
import {plainName} from './variable_state.js';

/**
 * Which variables: a name in which `*` stands for anything (`'decoder/*'`), a regular expression, or a function of name and
 * variable. `true` or `'*'`: all that no other group takes.
 *
 * Names and expressions are tried on the variable's name and on the name without the suffix `_1`, `_2`, … that tfjs appends
 * where a name is taken; a function gets the name without it, and the variable.
 */
export type VariableMatch =
  string | RegExp | true | ((name: string, variable: tf.Variable) => boolean);

/** Whether the match is the default group, which takes what no other does. */
export function isDefault(match: VariableMatch): boolean {
  return match === true || match === '*';
}

/** Throws unless `match` is one of the kinds above. */
export function checkMatch(where: string, match: VariableMatch): void {
  const isText = typeof match === 'string' && match.length > 0;
  if (!isText && !(match instanceof RegExp) && typeof match !== 'function' && match !== true) {
    throw new Error(
      `${where}: match is ${String(match)}, expected a name with * for anything, a RegExp, ` +
        `a function (name, variable) => boolean, or true for all other variables.`,
    );
  }
}

/** Whether a variable is described by `match`. */
export function matches(match: VariableMatch, variable: tf.Variable): boolean {
  if (match === true) {
    return true;
  }
  const plain = plainName(variable.name);
  if (typeof match === 'function') {
    return match(plain, variable);
  }
  const expression = typeof match === 'string' ? globExpression(match) : withoutState(match);
  return expression.test(variable.name) || expression.test(plain);
}

function globExpression(glob: string): RegExp {
  const parts = glob.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

/** A global or sticky expression remembers where it stopped; a match must not depend on the one before. */
function withoutState(expression: RegExp): RegExp {
  return new RegExp(expression.source, expression.flags.replace(/[gy]/g, ''));
}

/** A readable form for error messages. */
export function describeMatch(match: VariableMatch): string {
  if (typeof match === 'function') {
    return match.name ? `function ${match.name}` : 'a function';
  }
  return typeof match === 'string' ? `'${match}'` : String(match);
}

/** tfjs turns `snake_case` strings in a saved configuration into camelCase, so underscores are written `%5F`. */
function escapeText(text: string): string {
  return encodeURIComponent(text).replaceAll('_', '%5F');
}

/** `match` for `getConfig`. Functions cannot be saved. */
export function serializeMatch(match: VariableMatch): tf.serialization.ConfigDictValue {
  if (typeof match === 'function') {
    throw new Error(
      `An optimizer group matched by a function cannot be saved: match variables by name or RegExp, ` +
        `or save the model without its optimizer.`,
    );
  }
  if (match instanceof RegExp) {
    return {source: escapeText(match.source), flags: match.flags};
  }
  return match === true ? true : escapeText(match);
}

/** The inverse of `serializeMatch`. */
export function deserializeMatch(config: tf.serialization.ConfigDictValue): VariableMatch {
  if (typeof config === 'object' && config != null) {
    const {source, flags} = config as {source: string; flags: string};
    return new RegExp(decodeURIComponent(source), flags);
  }
  return config === true ? true : decodeURIComponent(config as string);
}
