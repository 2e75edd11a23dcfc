/** Settings of a run of tests. */

/** An environment variable in Node, where it is set to anything; browsers have none. */
export function setting(name: string): string | undefined {
  const {process} = globalThis as {process?: {env?: Record<string, string | undefined>}};
  return process?.env?.[name] || undefined;
}
