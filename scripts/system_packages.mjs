/** Programs that npm does not bring. Installed only where that is simple: as root on Debian or Ubuntu. */
import {spawnSync} from 'node:child_process';
import {accessSync, constants, existsSync} from 'node:fs';
import path from 'node:path';

/** Full path of a program, or null. */
export function which(program) {
  if (program.includes('/')) return runnable(program) ? program : null;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, program)).find(runnable) ?? null;
}

function runnable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * `apt-get install`, where this process may.
 *
 * @param {string[]} names
 * @returns {boolean} whether they are installed now
 */
export function installSystemPackages(names) {
  if (process.getuid?.() !== 0 || which('apt-get') == null) return false;
  console.log(`apt-get install ${names.join(' ')}`);
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive'};
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', ...args], {env, stdio: 'ignore'}).status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', ...names);
  // Package lists are often left out of container images.
  return install() || (apt('update') && install());
}

/**
 * Path of a Chromium or Chrome: `CHROME_BIN`, an installed one, or one installed now.
 *
 * @returns {string | null}
 */
export function findChromium({install = false} = {}) {
  const mac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const named = process.env.CHROME_BIN;
  if (named) return existsSync(named) ? named : null;
  const find = () => names.map(which).find((file) => file != null) ?? null;
  const found = find() ?? (existsSync(mac) ? mac : null);
  if (found != null || !install) return found;
  return installSystemPackages(['chromium']) ? find() : null;
}
