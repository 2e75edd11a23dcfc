/**
 * `PolarFactor` on `webgpu`: two programs for the scale of the matrices, then three products a step, all matrices of the
 * batch at once. The polynomial is part of the products: `G = XᵀX`, `Q = b G + c G²`, `X ← a X + X Q`.
 */
import type {PolarFactorAttrs, PolarFactorInputs} from '../kernel_names.js';
import {polarCoefficients} from '../composed/polar_express.js';
import {polarStart} from './polar_start.js';
import {defineProduct, planProduct} from './product.js';
import {webgpuKernel} from './program.js';

/** `XᵀX` of `x [b,m,n]`. */
const gramOf = defineProduct({
  name: 'PolarGram',
  inputs: ['x'],
  uniforms: {inner: 'i32'},
  summands: () => [
    {
      left: 'x[(batch * uniforms.inner + k) * uniforms.rows + row]',
      right: 'x[(batch * uniforms.inner + k) * uniforms.columns + column]',
      leftByRow: true,
      rightByColumn: true,
      inner: 'uniforms.inner',
    },
  ],
});

/** `b G + c G²` of symmetric `gram [b,n,n]`, whose rows are its columns. */
const polynomialOf = defineProduct({
  name: 'PolarPolynomial',
  inputs: ['gram'],
  uniforms: {cubic: 'f32', quintic: 'f32'},
  summands: () => [
    {
      left: 'gram[(batch * uniforms.rows + k) * uniforms.rows + row]',
      right: 'gram[(batch * uniforms.rows + k) * uniforms.rows + column]',
      leftByRow: true,
      rightByColumn: true,
      inner: 'uniforms.rows',
    },
  ],
  put: () => `
      let at = (batch * uniforms.rows + row) * uniforms.columns + column;
      result[at] = gram[at] * uniforms.cubic + value * uniforms.quintic;`,
});

/** `a X + X Q` of `x [b,m,n]`, written as `[b,n,m]` if `transposed`. */
const advance = defineProduct({
  name: 'PolarAdvance',
  inputs: ['x', 'polynomial'],
  uniforms: {linear: 'f32'},
  summands: () => [
    {
      left: 'x[(batch * uniforms.rows + row) * uniforms.columns + k]',
      right: 'polynomial[(batch * uniforms.columns + k) * uniforms.columns + column]',
      leftByRow: false,
      rightByColumn: true,
      inner: 'uniforms.columns',
    },
  ],
  put: ({transposed}: {transposed: boolean}) => `
      let at = (batch * uniforms.rows + row) * uniforms.columns + column;
      let to = ${transposed ? '(batch * uniforms.columns + column) * uniforms.rows + row' : 'at'};
      result[to] = x[at] * uniforms.linear + value;`,
});

export const polarFactor = webgpuKernel<PolarFactorInputs, PolarFactorAttrs>(
  (backend, {y}, attrs) => {
    const [batch, height, width] = y.shape;
    const coefficients = polarCoefficients(attrs);
    // The last step writes the transposed matrices of wide ones.
    const isWide = height < width && coefficients.length > 0;
    const [m, n] = isWide ? [width, height] : [height, width];
    const gramPlan = planProduct(batch, n, n, m, true);
    const squarePlan = planProduct(batch, n, n, n, false);
    const advancePlan = planProduct(batch, m, n, n, false);

    let x = polarStart(backend, y, isWide);
    for (const [i, [linear, cubic, quintic]] of coefficients.entries()) {
      const gram = gramOf(backend, {
        inputs: {x},
        plan: gramPlan,
        shape: [batch, n, n],
        uniforms: {inner: m},
        constants: {},
      });
      const polynomial = polynomialOf(backend, {
        inputs: {gram},
        plan: squarePlan,
        shape: [batch, n, n],
        uniforms: {cubic, quintic},
        constants: {},
      });
      backend.disposeData(gram.dataId);
      const transposed = isWide && i === coefficients.length - 1;
      const next = advance(backend, {
        inputs: {x, polynomial},
        plan: advancePlan,
        shape: transposed ? y.shape : [batch, m, n],
        uniforms: {linear},
        constants: {transposed},
      });
      backend.disposeData(polynomial.dataId);
      backend.disposeData(x.dataId);
      x = next;
    }
    return x;
  },
);
