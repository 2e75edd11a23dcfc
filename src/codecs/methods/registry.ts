/** Compression methods by name. */
import {closest} from 'fastest-levenshtein';
import {requireOptions} from '../../ops/check_options.js';
import {checkFunction} from '../../ops/check_values.js';
import type {CompressionMethod} from '../method.js';

const methods = new Map<string, CompressionMethod>();

/** Adds a method. Throws if there is another of its name. */
export function registerMethod(method: CompressionMethod): void {
  requireOptions('registerMethod', method, '{name: "mine", version: 1, …, plan: (request) => …}');
  checkFunction('registerMethod', 'plan', method.plan, 'a function that makes a MethodPlan');
  const {name, version} = method;
  if (typeof name !== 'string' || name === '') {
    throw new Error(`registerMethod: name is '${name}'; expected a name that is not empty.`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new Error(`registerMethod: version of '${name}' is ${version}; expected 1, 2, …`);
  }
  const present = methods.get(name);
  if (present != null && present !== method) {
    throw new Error(
      `registerMethod: there is a method '${name}' already (version ${present.version}); ` +
        'choose another name.',
    );
  }
  methods.set(name, method);
}

/** Names of all methods, in the order of registration. */
export function methodNames(): string[] {
  return [...methods.keys()];
}

/** The method of that name. Throws, with the nearest name and all known ones, if there is none. */
export function getMethod(name: string): CompressionMethod {
  const method = methods.get(name);
  if (method == null) {
    const names = methodNames();
    throw new Error(
      `unknown compression method '${name}'. Did you mean '${closest(String(name), names)}'? ` +
        `Known: ${names.join(', ')}. Others are added by registerMethod().`,
    );
  }
  return method;
}
