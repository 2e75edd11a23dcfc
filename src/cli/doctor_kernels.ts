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

/**
 * Why `tensorflow` has none of our ops, and how it gets them. Null where it has, or does not work itself.
 *
 * @param nativeOps Path of the library of our TensorFlow ops, null where none was built.
 */
export function whyNoNativeOps(
  reports: readonly BackendReport[],
  nativeOps: string | null,
): string | null {
  const report = reports.find(({name}) => name === 'tensorflow');
  if (report == null || !report.works || report.fast.length > 0) return null;
  if (nativeOps == null) return 'not built. Run, with a C++ compiler: npx tfjs-mapl setup';
  return report.device === 'gpu'
    ? 'built without CUDA. Run, with nvcc (the CUDA toolkit): npx tfjs-mapl setup --gpu'
    : `${nativeOps} cannot be loaded. Build it anew: npx tfjs-mapl setup`;
}
