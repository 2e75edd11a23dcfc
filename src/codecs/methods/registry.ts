/** Compression methods by name. */
import type {CompressionMethod} from '../method.js';
import {NamedRegistry} from '../named_registry.js';

const methods = new NamedRegistry<CompressionMethod>({
  kind: 'compression method',
  adds: 'registerMethod',
  member: 'plan',
  does: 'a function that makes a MethodPlan',
});

/** Adds a method. Throws if there is another of its name. */
export function registerMethod(method: CompressionMethod): void {
  methods.add(method);
}

/** Names of all methods, in the order of registration. */
export function methodNames(): string[] {
  return methods.names();
}

/** The method of that name. Throws, with the nearest name and all known ones, if there is none. */
export function getMethod(name: string): CompressionMethod {
  return methods.get(name);
}
