import type {z} from 'zod';
import {listSettings, parseConfig} from '../config/load_config.js';
import {configSections, type RunConfig} from '../config/schema.js';
import {parseStored} from '../config/stored_config.js';

/** Sections and keys that may change when a run goes on: none of them changes a single bit of its result. */
const FREE = ['output.', 'network.', 'pipeline.processes'];

/**
 * The configuration of a run that is resumed: its own, with what may differ taken from the command line.
 *
 * @param stored What the run's `config.json` holds.
 * @param explicit Settings the user gave now, in sections.
 * @return The configuration to go on with.
 * @throws Error naming every given setting that differs and may not, and what is stored that this version does not know.
 */
export function resumeConfig(
  stored: unknown,
  explicit: Record<string, Record<string, unknown>>,
): RunConfig {
  const config = parseStored(stored, "the run's config.json");
  const settings = new Map(listSettings(config));
  const differing: string[] = [];
  const sections = config as unknown as Record<string, Record<string, unknown>>;
  for (const [section, values] of Object.entries(explicit)) {
    for (const [key, value] of Object.entries(values)) {
      const path = `${section}.${key}`;
      if (FREE.some((free) => path.startsWith(free))) {
        sections[section] = {...sections[section], [key]: value};
        continue;
      }
      const [was, now] = [settings.get(path), meaning(section, key, value)].map((v) =>
        JSON.stringify(v),
      );
      if (was !== now) {
        differing.push(`  ${path} was ${was}, now ${now}`);
      }
    }
  }
  if (differing.length) {
    throw new Error(
      `A resumed run must be told what it was told before:\n${differing.join('\n')}\n` +
        'Leave these out, or start a new run with --name.',
    );
  }
  return parseConfig(sections, 'the flags');
}

/** What the schema makes of a setting, such as the codec and its options of `int8:stochastic`. */
function meaning(section: string, key: string, value: unknown): unknown {
  const fields = configSections[section as keyof typeof configSections]?.shape;
  const field = (fields as Record<string, z.ZodType> | undefined)?.[key];
  const parsed = field?.safeParse(value);
  return parsed?.success ? parsed.data : value;
}
