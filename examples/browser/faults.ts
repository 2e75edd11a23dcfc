/** What went wrong, in words that help. */

/** A GPU that went away, or that reported an error nobody waited for. */
export class DeviceError extends Error {
  override name = 'DeviceError';
}

/**
 * Results that WebGPU will not hand over any more (an `AbortError` of `mapAsync`) mean that the device is gone, and a busy
 * GPU process says so much earlier than it says `lost`. Other errors come back as they are.
 */
export function asDeviceError(error: unknown): unknown {
  const {name, message} = (error ?? {}) as Partial<Error>;
  return name === 'AbortError'
    ? new DeviceError(`The GPU device was lost (${message}).`, {cause: error})
    : error;
}

const MEMORY =
  /out of memory|\bOOM\b|allocation (failed|size)|array buffer allocation|invalid array length|invalid typed array length|memory\.grow|could not allocate|unable to allocate/i;

/** Whether an error says that memory ran out: every engine and backend says it in its own way. */
export function isOutOfMemory(error: unknown): boolean {
  const {name = '', message = String(error)} = (error ?? {}) as Partial<Error>;
  return name === 'GPUOutOfMemoryError' || MEMORY.test(message);
}

/** One or two sentences for an error of training: what happened, and what to do. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (isOutOfMemory(error)) {
    return (
      `This tab ran out of memory (${message}). ` +
      'Choose a smaller model, a shorter context or fewer sequences a step, and close other tabs.'
    );
  }
  return message;
}
