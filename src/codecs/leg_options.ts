/** Reads the options of a leg codec, with names of what is wrong. */
import {closest} from 'fastest-levenshtein';
import {requireOptions} from '../ops/check_options.js';

/** Takes options one by one; `done` refuses what nobody took. */
export class LegOptions {
  private readonly known: string[] = [];
  private readonly options: Record<string, unknown>;

  /** @param codec Name of the codec, for messages. */
  constructor(
    private readonly codec: string,
    options: Record<string, unknown> = {},
  ) {
    this.options = requireOptions(`leg codec '${codec}'`, options, '{}');
  }

  /** A switch. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.take(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.refuse(name, value, 'true or false');
  }

  /** One of some values. */
  choice<T extends string | number>(name: string, fallback: T, choices: readonly T[]): T {
    const value = this.take(name) ?? fallback;
    const found = choices.find((choice) => choice === value);
    return found ?? this.refuse(name, value, `one of ${choices.join(', ')}`);
  }

  /** A number of an interval that is open below. */
  number(name: string, fallback: number, above: number, most: number): number {
    const value = this.take(name) ?? fallback;
    const ok = typeof value === 'number' && value > above && value <= most;
    const to = most === Infinity ? '' : ` and at most ${most}`;
    return ok && Number.isFinite(value)
      ? value
      : this.refuse(name, value, `a number above ${above}${to}`);
  }

  /** Throws if there are options that the codec does not have. */
  done(): void {
    const unknown = Object.keys(this.options).find(
      (name) => !this.known.includes(name) && this.options[name] !== undefined,
    );
    if (unknown == null) {
      return;
    }
    const {known, codec} = this;
    throw new Error(
      known.length === 0
        ? `leg codec '${codec}' has no option '${unknown}': it has none.`
        : `leg codec '${codec}' has no option '${unknown}'. Did you mean '${closest(unknown, known)}'? ` +
            `It has: ${known.join(', ')}.`,
    );
  }

  private take(name: string): unknown {
    this.known.push(name);
    return this.options[name];
  }

  private refuse(name: string, value: unknown, expected: string): never {
    throw new Error(
      `leg codec '${this.codec}': ${name} is ${JSON.stringify(value)}, expected ${expected}.`,
    );
  }
}
