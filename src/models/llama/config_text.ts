/** How a value of a config reads in a message: as JSON, or `missing`. */
export function text(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
