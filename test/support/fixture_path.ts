/** Where fixtures are: in Node and in Chromium. */
import {inNode} from '../../src/backends/backend.js';

/**
 * The place of `test/fixtures/<name>`: an absolute path in Node, a URL in a browser.
 *
 * @param name path below `test/fixtures/`, without a slash at its ends
 */
export function fixturePath(name: string): string {
  return inNode()
    ? decodeURIComponent(new URL(`../fixtures/${name}`, import.meta.url).pathname)
    : `${globalThis.location.origin}/fixtures/${name}`;
}
