/**
 * 32-bit FNV-1a over UTF-16 code units, finished by an avalanche so that names which differ in the last
 * letter land far apart. Used to shuffle by name; not for security.
 *
 * @param text What to hash.
 * @param seed Another seed gives another order.
 * @return An unsigned 32-bit integer.
 */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * SHA-256 in hex, the key of cached files.
 *
 * @param parts Strings or bytes; each is preceded by its length, so that boundaries count.
 */
export async function sha256(...parts: Array<string | Uint8Array>): Promise<string> {
  const {createHash} = await import('node:crypto');
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    hash.update(`${bytes.length}:`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}
