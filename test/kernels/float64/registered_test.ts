/** The kernels that this backend runs, against float64: forward and backward, fresh inputs, into memory full of garbage. */
import '../../../src/kernels/composed/index.js';
import {composedKernelNames, runKernel} from '../../../src/kernels/ensure_kernel.js';
import {BOUNDARY_TABLES} from './boundary_tables.js';
import {expectFloat64} from './case.js';
import {MODEL_TABLES} from './model_tables.js';
import {OPTIMIZER_TABLES} from './optimizer_tables.js';
import {runSeed} from './seed.js';

const TABLES = {...MODEL_TABLES, ...BOUNDARY_TABLES, ...OPTIMIZER_TABLES};

describe(`kernels in float32 against float64 (seed ${runSeed()})`, () => {
  it('are all in the tables', () => {
    // What packs numbers into half of the bits rounds them by definition and has specs of its own.
    const names = composedKernelNames().filter((name) => !name.endsWith('Half'));
    expect(Object.keys(TABLES).sort()).toEqual(names.sort());
  });

  for (const [name, table] of Object.entries(TABLES)) {
    for (const size of table.sizes) {
      it(`${name} at [${size}]`, () =>
        expectFloat64(table, size, (inputs, attrs) => runKernel(name, inputs, attrs)));
    }
  }
});
