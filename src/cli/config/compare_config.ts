import {listSettings} from './load_config.js';
import type {RunConfig} from './schema.js';

/** A setting that two configurations have not in common. */
export interface SettingDifference {
  /** As `section.key`. */
  key: string;
  one: unknown;
  other: unknown;
}

/**
 * The settings in which two configurations differ, in the order of the schema. Both have to be whole: what was stored goes
 * through `parseStored` before.
 */
export function settingDifferences(one: RunConfig, other: RunConfig): SettingDifference[] {
  const settings = new Map(listSettings(one));
  return listSettings(other)
    .map(([key, value]) => ({key, one: settings.get(key), other: value}))
    .filter((pair) => JSON.stringify(pair.one) !== JSON.stringify(pair.other));
}
