import {Option, type Command} from 'commander';
import type {z} from 'zod';
import {mergeSettings, parseConfig, readSettings, type Settings} from './load_config.js';
import {configSections, type RunConfig} from './schema.js';

/** One setting and the flag that sets it. */
interface Flag {
  section: string;
  key: string;
  /** Name in commander's parsed options: the key itself. */
  option: Option;
  /** Turns the word on the command line into the setting's type. */
  parse: (value: unknown) => unknown;
}

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Strips defaults and `nullable` off a schema; what is transformed begins as a word. */
function bare(schema: z.ZodType): {type: string; schema: z.ZodType} {
  let inner = schema;
  for (;;) {
    const def = inner.def as unknown as {type: string; innerType?: z.ZodType; in?: z.ZodType};
    if ((def.type === 'default' || def.type === 'nullable') && def.innerType) inner = def.innerType;
    else if (def.type === 'pipe' && def.in) return {type: 'string', schema: inner};
    else return {type: def.type, schema: inner};
  }
}

/** A number where the word is one; else the word, for the schema to refuse with its own message. */
function numeric(value: unknown): unknown {
  const number = Number(value);
  return typeof value === 'string' && value.trim() !== '' && !Number.isNaN(number) ? number : value;
}

/** The flags of one section. */
function sectionFlags(section: string, shape: Record<string, z.ZodType>): Flag[] {
  return Object.entries(shape).map(([key, field]) => {
    const {type, schema} = bare(field);
    const preset = field.safeParse(undefined).data;
    const nullable = preset === null;
    const name = `--${kebab(key)}`;
    let term = `${name} <value>`;
    let parse: Flag['parse'] = (value) => (nullable && value === 'null' ? null : value);
    let choices = '';
    if (type === 'boolean') term = name;
    else if (type === 'number') {
      term = `${name} <number>`;
      parse = (value) => (value === 'null' ? null : numeric(value));
    } else if (type === 'array') {
      term = `${name} <values...>`;
    } else if (type === 'union') {
      term = `${name} <number or names>`;
      parse = (value) => {
        const number = numeric(value);
        return typeof number === 'number' ? number : String(value).split(',');
      };
    } else if (type === 'enum') {
      choices = ` (${(schema as z.ZodEnum).options.join(', ')})`;
    }
    const shown = preset == null || (Array.isArray(preset) && !preset.length) ? '' : preset;
    const tail = shown === '' ? '' : ` [${Array.isArray(shown) ? shown.join(' ') : String(shown)}]`;
    const option = new Option(term, `${field.description ?? ''}${choices}${tail}`);
    return {section, key, option, parse};
  });
}

/** All settings as flags, by section. */
function allFlags(): Flag[] {
  return Object.entries(configSections).flatMap(([section, schema]) =>
    sectionFlags(section, schema.shape as unknown as Record<string, z.ZodType>),
  );
}

/**
 * Adds `--config FILE` and one flag a setting to a command, grouped by section in its help.
 *
 * @param command The command; returned.
 * @param sections Which sections; default all.
 */
export function addConfigFlags(
  command: Command,
  sections: string[] = Object.keys(configSections),
): Command {
  command.option('-c, --config <file>', 'settings in a JSON or YAML file; flags come on top');
  for (const {section, option} of allFlags()) {
    if (!sections.includes(section)) continue;
    option.helpGroup(`${section[0].toUpperCase()}${section.slice(1)} (section '${section}'):`);
    command.addOption(option);
    if (option.isBoolean()) {
      command.addOption(new Option(`--no-${option.name()}`).hideHelp());
    }
  }
  return command;
}

/** What the user said: settings in sections, unchecked. */
export type GivenSettings = Record<string, Record<string, unknown>>;

/**
 * What a user gave a command: its file, and its flags on top.
 *
 * @param options Parsed options of a command made with `addConfigFlags`.
 */
export async function givenSettings(options: Record<string, unknown>): Promise<GivenSettings> {
  const flags: GivenSettings = {};
  for (const {section, key, parse} of allFlags()) {
    if (options[key] !== undefined) (flags[section] ??= {})[key] = parse(options[key]);
  }
  const file = options.config as string | undefined;
  return mergeSettings(file ? await readSettings(file) : {}, flags) as GivenSettings;
}

/**
 * The configuration of a command: settings it begins with, its file, its flags, checked.
 *
 * @param options Parsed options of a command made with `addConfigFlags`.
 * @param base Settings beneath file and flags, e.g. those of a demo.
 * @throws Error listing every problem.
 */
export async function configFromOptions(
  options: Record<string, unknown>,
  base: Settings = {},
): Promise<RunConfig> {
  const source = options.config ? `'${String(options.config)}' and the flags` : 'the flags';
  return parseConfig(mergeSettings(base, await givenSettings(options)), source);
}
