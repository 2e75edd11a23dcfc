/** WGSL for sums and maxima over a workgroup. */

/** `sum`, `max` of numbers that are not NaN. */
export type Reduction = 'sum' | 'max';

const COMBINE = {
  sum: (a: string, b: string) => `${a} + ${b}`,
  max: (a: string, b: string) => `max(${a}, ${b})`,
};
const SUBGROUP = {sum: 'subgroupAdd', max: 'subgroupMax'};
const NEUTRAL = {sum: '0.0', max: '-3.4e38'};

/**
 * Text of `fn <name>(value : f32) -> f32`, which gives every invocation of the workgroup the sum or maximum of all their
 * values. In a fixed order: same bits in every run. To be called by all invocations, in uniform control flow; it may be called
 * again at once.
 *
 * @param size Invocations of a workgroup, a power of two.
 * @param subgroups Whether the device has them. Without, a tree in shared memory.
 */
export function reduceSnippet(
  name: string,
  reduction: Reduction,
  size: number,
  subgroups: boolean,
): string {
  return subgroups ? bySubgroups(name, reduction, size) : byTree(name, reduction, size);
}

function byTree(name: string, reduction: Reduction, size: number): string {
  const shared = `${name}Shared`;
  return `
  var<workgroup> ${shared} : array<f32, ${size}>;
  fn ${name}(value : f32) -> f32 {
    ${shared}[localIndex] = value;
    workgroupBarrier();
    for (var reach = ${size / 2}u; reach > 0u; reach = reach >> 1u) {
      if (localIndex < reach) {
        ${shared}[localIndex] = ${COMBINE[reduction](`${shared}[localIndex]`, `${shared}[localIndex + reach]`)};
      }
      workgroupBarrier();
    }
    let total = ${shared}[0];
    workgroupBarrier();
    return total;
  }
`;
}

/**
 * How invocations are spread over subgroups is up to the device, and tfjs's entry point does not ask for their numbers. So each
 * subgroup's first invocation leaves its result at its own place, all others leave nothing, and every subgroup adds up
 * the whole row.
 */
function bySubgroups(name: string, reduction: Reduction, size: number): string {
  const shared = `${name}Shared`;
  return `
  enable subgroups;
  var<workgroup> ${shared} : array<f32, ${size}>;
  fn ${name}(value : f32) -> f32 {
    let own = ${SUBGROUP[reduction]}(value);
    ${shared}[localIndex] = select(${NEUTRAL[reduction]}, own, subgroupElect());
    let lanes = subgroupAdd(1u);
    let lane = subgroupExclusiveAdd(1u);
    workgroupBarrier();
    var total = ${NEUTRAL[reduction]};
    for (var i = lane; i < ${size}u; i = i + lanes) {
      total = ${COMBINE[reduction]('total', `${shared}[i]`)};
    }
    total = ${SUBGROUP[reduction]}(total);
    workgroupBarrier();
    return total;
  }
`;
}
