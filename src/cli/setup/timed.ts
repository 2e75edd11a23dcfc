/** Says what is being done and how long it took. */
export async function timed<T>(
  log: (line: string) => void,
  what: string,
  body: () => Promise<T>,
): Promise<T> {
  log(`${what} …`);
  const start = performance.now();
  const result = await body();
  log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
