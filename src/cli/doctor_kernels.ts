/** Which kernels of this package each backend has of its own. */
import type {BackendReport} from './doctor_probe.js';
import {terminalTable} from './report/terminal_table.js';

/** What a backend's own kernels are written in; those of other backends are just its own. */
const KINDS: Record<string, string> = {tensorflow: 'native', webgpu: 'WGSL', wasm: 'wasm'};

/**
 * A row a kernel, a column a backend that works: `native` (C++ in TensorFlow), `WGSL`, `wasm`, or `composed` of tfjs ops.
 * Null where no backend works.
 */
export function kernelTable(reports: readonly BackendReport[]): string | null {
  const backends = reports.filter(({works}) => works);
  if (backends.length === 0) return null;
  const kernels = [...new Set(backends.flatMap(({fast, composed}) => [...fast, ...composed]))];
  const rows = kernels
    .sort()
    .map((kernel) => [
      kernel,
      ...backends.map(({name, fast}) =>
        fast.includes(kernel) ? (KINDS[name] ?? 'own') : 'composed',
      ),
    ]);
  return terminalTable({head: ['kernel', ...backends.map(({name}) => name)], rows});
}
