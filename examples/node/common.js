/** What the examples share: options from the command line, and a backend. */
import {parseArgs} from 'node:util';
import {selectBackend} from 'tfjs-mapl';

/**
 * Options as `--name value`; numbers where the default is a number.
 *
 * @template {Record<string, string | number>} T
 * @param {T} defaults
 * @returns {T}
 */
export function options(defaults) {
  const names = Object.keys(defaults);
  const {values} = parseArgs({
    options: Object.fromEntries(names.map((name) => [name, {type: 'string'}])),
  });
  const chosen = {...defaults};
  for (const [name, text] of Object.entries(values)) {
    if (typeof defaults[name] === 'string') {
      chosen[name] = text;
      continue;
    }
    chosen[name] = Number(text);
    if (!Number.isInteger(chosen[name]) || chosen[name] < 1) {
      throw new Error(`--${name} is ${text}, expected a positive integer.`);
    }
  }
  return chosen;
}

/** Brings up the named backend, or the fastest that is present where the name is empty. */
export async function backend(name = '') {
  const {name: chosen, description, why} = await selectBackend(name ? {prefer: name} : {});
  console.log(`backend: ${chosen} (${description}; ${why})`);
}
