import {closest, distance} from 'fastest-levenshtein';
import {configSections} from './schema.js';

/** All valid paths, `section` and `section.key`. */
export function validPaths(): string[] {
  return Object.entries(configSections).flatMap(([section, schema]) => [
    section,
    ...Object.keys(schema.shape).map((key) => `${section}.${key}`),
  ]);
}

/**
 * What a misspelt or misplaced key was probably meant to be.
 *
 * @param section The section it stands in, '' at the top level.
 * @param key The unknown key.
 * @return A valid path: the same key in another section, else the nearest by letters.
 */
export function nearestKey(section: string, key: string): string {
  const paths = validPaths();
  const elsewhere = paths.find((path) => path.endsWith(`.${key}`));
  if (elsewhere) return elsewhere;
  if (!section) {
    // At the top a key may be a section's name or one of its keys, misspelt.
    const names = paths.map((path) => path.slice(path.indexOf('.') + 1));
    const name = closest(key, names);
    return paths[names.indexOf(name)];
  }
  const own = paths.filter((path) => path.startsWith(`${section}.`));
  const best = (list: string[]) =>
    closest(
      key,
      list.map((path) => path.split('.')[1]),
    );
  const here = best(own);
  const anywhere = best(paths.filter((path) => path.includes('.')));
  if (distance(key, anywhere) + 1 < distance(key, here)) {
    return paths.find((path) => path.endsWith(`.${anywhere}`)) as string;
  }
  return `${section}.${here}`;
}
