import {readFile} from 'node:fs/promises';
import {parse as parseYaml} from 'yaml';
import type {z} from 'zod';
import {configProblems} from './check_config.js';
import {configSchema, configSections, type RunConfig} from './schema.js';
import {nearestKey, validPaths} from './unknown_keys.js';

/** A plain object of settings, not yet checked. */
export type Settings = Record<string, unknown>;

const isObject = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One line for an issue the schema found. */
function describeIssue(issue: z.core.$ZodIssue, input: Settings): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => {
        const full = path ? `${path}.${key}` : key;
        return `unknown key '${full}': did you mean '${nearestKey(path, key)}'?`;
      })
      .join('\n');
  }
  let value: unknown = input;
  for (const key of issue.path)
    value = isObject(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined;
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return `${path} is ${shown}: ${issue.message}`;
}

/**
 * Checks settings and fills in defaults.
 *
 * @param settings What the user gave, in sections.
 * @param source Where it came from, for the error message.
 * @return The complete configuration.
 * @throws Error listing every problem: unknown keys with the nearest valid one, values out of range,
 *     sizes that do not fit each other.
 */
export function parseConfig(settings: unknown, source = 'the configuration'): RunConfig {
  if (!isObject(settings)) {
    throw new Error(
      `In ${source}: expected an object with the sections ${Object.keys(configSections).join(', ')}; ` +
        `got ${JSON.stringify(settings)}.`,
    );
  }
  const result = configSchema.safeParse(settings);
  const problems = result.success
    ? configProblems(result.data)
    : result.error.issues.map((issue) => describeIssue(issue, settings));
  if (problems.length) {
    throw new Error(`In ${source}:\n${problems.join('\n').replace(/^/gm, '  ')}`);
  }
  return result.data as RunConfig;
}

/**
 * Reads a JSON or YAML file of settings.
 *
 * @throws Error when it is missing or is neither.
 */
export async function readSettings(file: string): Promise<Settings> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'ENOENT'
        ? `There is no configuration file '${file}'.`
        : `The configuration file '${file}' cannot be read: ${error.message}`,
    );
  });
  let settings: unknown;
  try {
    // JSON is YAML, but its own parser has better messages.
    settings = file.endsWith('.json') ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw new Error(
      `'${file}' is not ${file.endsWith('.json') ? 'JSON' : 'YAML'}: ${(error as Error).message}`,
    );
  }
  if (settings == null) return {};
  if (!isObject(settings)) {
    throw new Error(
      `'${file}' should hold sections (${Object.keys(configSections).join(', ')}), ` +
        `got ${JSON.stringify(settings)}.`,
    );
  }
  // A section whose settings are all commented out is null in YAML.
  return Object.fromEntries(
    Object.entries(settings).map(([section, values]) => [section, values ?? {}]),
  );
}

/**
 * Lays settings over others, key by key within sections.
 *
 * @param base Settings underneath, e.g. of a file.
 * @param over Settings on top, e.g. of flags.
 */
export function mergeSettings(base: Settings, over: Settings): Settings {
  const merged: Settings = {...base};
  for (const [section, values] of Object.entries(over)) {
    const under = merged[section];
    merged[section] = isObject(values) && isObject(under) ? {...under, ...values} : values;
  }
  return merged;
}

/** Every setting with its value, as `section.key`, in the order of the schema. */
export function listSettings(config: RunConfig): Array<[string, unknown]> {
  return validPaths()
    .filter((path) => path.includes('.'))
    .map((path) => {
      const [section, key] = path.split('.') as [keyof RunConfig, string];
      return [path, (config[section] as Settings)[key]];
    });
}
