/** What can be chosen by name in a configuration: codecs, leg codecs, compression methods. */
import {closest} from 'fastest-levenshtein';
import {requireOptions} from '../ops/check_options.js';
import {checkFunction} from '../ops/check_values.js';

/** What two ends tell each other of an entry. */
export interface Named {
  readonly name: string;
  readonly version: number;
}

/** Names in messages. */
export interface NamedRegistryArgs {
  /** Kind of entry, such as `leg codec`. */
  kind: string;
  /** The public function that adds one, such as `registerLegCodec`. */
  adds: string;
  /** Function that each entry has. */
  member: string;
  /** What that function is. */
  does: string;
}

/** Entries by name, in the order in which they were added. */
export class NamedRegistry<T extends Named> {
  private readonly entries = new Map<string, T>();

  constructor(private readonly args: NamedRegistryArgs) {}

  /** Adds an entry. Throws if there is another of its name: both ends must mean the same by a name. */
  add(entry: T): void {
    const {kind, adds, member, does} = this.args;
    requireOptions(adds, entry, `{name: "mine", version: 1, ${member}: …}`);
    checkFunction(adds, member, (entry as Record<string, unknown>)[member], does);
    const {name, version} = entry;
    if (typeof name !== 'string' || name === '') {
      throw new Error(`${adds}: name is '${name}'; expected a name that is not empty.`);
    }
    if (!Number.isSafeInteger(version) || version < 1) {
      throw new Error(
        `${adds}: version of '${name}' is ${version}; expected a whole number from 1 up.`,
      );
    }
    const present = this.entries.get(name);
    if (present != null && present !== entry) {
      throw new Error(
        `${adds}: there is a ${kind} '${name}' already (version ${present.version}); choose another name.`,
      );
    }
    this.entries.set(name, entry);
  }

  /** Takes an entry out again. Throws if there is none of that name. */
  remove(name: string): void {
    this.get(name);
    this.entries.delete(name);
  }

  /** All entries. */
  all(): T[] {
    return [...this.entries.values()];
  }

  /** Their names. */
  names(): string[] {
    return [...this.entries.keys()];
  }

  /** The entry of that name, if there is one. */
  find(name: string): T | undefined {
    return this.entries.get(name);
  }

  /**
   * The entry of that name. Throws, with the nearest name and all known ones, if there is none.
   *
   * @param names Those to choose from; default: all.
   */
  get(name: string, names = this.names()): T {
    const entry = this.entries.get(name);
    if (entry != null) {
      return entry;
    }
    const {kind, adds} = this.args;
    throw new Error(
      `unknown ${kind} '${name}'. Did you mean '${closest(String(name), names)}'? ` +
        `Known: ${names.join(', ')}. Others are added by ${adds}().`,
    );
  }
}
