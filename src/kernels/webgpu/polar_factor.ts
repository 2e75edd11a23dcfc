/**
 * `PolarFactor` on `webgpu`: two programs for the scale of the matrices, then three products a step, all matrices of the
 * batch at once. The polynomial is part of the products: `G = XᵀX`, `Q = b G + c G²`, `X ← a X + X Q`.
 */
import type {PolarFactorAttrs, PolarFactorInputs} from '../kernel_names.js';
import {polarCoefficients} from '../composed/polar_express.js';
import {polarStart} from './polar_start.js';
import {defineProgram, webgpuKernel} from './program.js';
import {
  planProduct,
  PRODUCT_INVOCATIONS,
  PRODUCT_UNIFORMS,
  productText,
  PUT_PLAIN,
  sumOfParts,
  type ProductConstants,
} from './tiled_product.js';

/** `XᵀX` of `x [b,m,n]`. */
const gramProgram = defineProgram({
  name: 'PolarGram',
  inputs: ['x'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, inner: 'i32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: (constants: ProductConstants) =>
    productText(
      constants,
      [
        {
          left: 'x[(batch * uniforms.inner + k) * uniforms.rows + row]',
          right: 'x[(batch * uniforms.inner + k) * uniforms.columns + column]',
          leftByRow: true,
          rightByColumn: true,
          inner: 'uniforms.inner',
        },
      ],
      PUT_PLAIN,
    ),
});

/** `b G + c G²` of symmetric `gram [b,n,n]`, whose rows are its columns. */
const polynomialProgram = defineProgram({
  name: 'PolarPolynomial',
  inputs: ['gram'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, cubic: 'f32', quintic: 'f32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: (constants: ProductConstants) =>
    productText(
      constants,
      [
        {
          left: 'gram[(batch * uniforms.rows + k) * uniforms.rows + row]',
          right: 'gram[(batch * uniforms.rows + k) * uniforms.rows + column]',
          leftByRow: true,
          rightByColumn: true,
          inner: 'uniforms.rows',
        },
      ],
      `
      let at = (batch * uniforms.rows + row) * uniforms.columns + column;
      result[at] = gram[at] * uniforms.cubic + value * uniforms.quintic;`,
    ),
});

/** `a X + X Q` of `x [b,m,n]`, written as `[b,n,m]` if `transposed`. */
const advanceProgram = defineProgram({
  name: 'PolarAdvance',
  inputs: ['x', 'polynomial'],
  outputs: ['result'],
  uniforms: {...PRODUCT_UNIFORMS, linear: 'f32'},
  workgroupSize: PRODUCT_INVOCATIONS,
  code: ({transposed, ...constants}: ProductConstants & {transposed: boolean}) =>
    productText(
      constants,
      [
        {
          left: 'x[(batch * uniforms.rows + row) * uniforms.columns + k]',
          right: 'polynomial[(batch * uniforms.columns + k) * uniforms.columns + column]',
          leftByRow: false,
          rightByColumn: true,
          inner: 'uniforms.columns',
        },
      ],
      `
      let at = (batch * uniforms.rows + row) * uniforms.columns + column;
      let to = ${transposed ? '(batch * uniforms.columns + column) * uniforms.rows + row' : 'at'};
      result[to] = x[at] * uniforms.linear + value;`,
    ),
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
    const {parts} = gramPlan.uniforms;

    let x = polarStart(backend, y, isWide);
    for (const [i, [linear, cubic, quintic]] of coefficients.entries()) {
      const [written] = gramProgram(backend, {
        inputs: {x},
        outputs: {result: {shape: [batch, parts, n, n]}},
        uniforms: {...gramPlan.uniforms, inner: m},
        constants: gramPlan.constants,
        workgroups: gramPlan.uniforms.items,
      });
      const gram = sumOfParts(backend, written, parts, n * n, [batch, n, n]);
      const [polynomial] = polynomialProgram(backend, {
        inputs: {gram},
        outputs: {result: {shape: [batch, n, n]}},
        uniforms: {...squarePlan.uniforms, cubic, quintic},
        constants: squarePlan.constants,
        workgroups: squarePlan.uniforms.items,
      });
      backend.disposeData(gram.dataId);
      const transposed = isWide && i === coefficients.length - 1;
      const [next] = advanceProgram(backend, {
        inputs: {x, polynomial},
        outputs: {result: {shape: transposed ? y.shape : [batch, m, n]}},
        uniforms: {...advancePlan.uniforms, linear},
        constants: {...advancePlan.constants, transposed},
        workgroups: advancePlan.uniforms.items,
      });
      backend.disposeData(polynomial.dataId);
      backend.disposeData(x.dataId);
      x = next;
    }
    return x;
  },
);
