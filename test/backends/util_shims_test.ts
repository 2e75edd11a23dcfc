/** Functions of node:util that newer Node has removed. */
import util from 'node:util';
import {mendNodeUtil} from '../../src/backends/util_shims.js';

type Test = (value: unknown) => boolean;

describe('mendNodeUtil', () => {
  it('puts back what tfjs-node calls', () => {
    const simulated: Record<string, unknown> = {};
    const names = mendNodeUtil(simulated, 23);
    expect(names).toContain('isNullOrUndefined');
    expect(names).toContain('isArray');
    const isNullOrUndefined = simulated.isNullOrUndefined as Test;
    expect([null, undefined, 0, '', false].map(isNullOrUndefined)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const isArray = simulated.isArray as Test;
    expect([[], {}, 'a', new Float32Array(1)].map(isArray)).toEqual([true, false, false, false]);
  });

  it('answers as the functions of Node 20 did', () => {
    const values = [null, undefined, 0, 1, '', 'a', true, [], {}, () => 0, Symbol('s'), /r/];
    const simulated: Record<string, unknown> = {};
    const names = mendNodeUtil(simulated, 24);
    const native = util as unknown as Record<string, Test>;
    const reference: Record<string, Test> = {
      isArray: Array.isArray,
      isBoolean: (v) => typeof v === 'boolean',
      isFunction: (v) => typeof v === 'function',
      isNull: (v) => v === null,
      isNullOrUndefined: (v) => v === null || v === undefined,
      isNumber: (v) => typeof v === 'number',
      isObject: (v) => v !== null && typeof v === 'object',
      isPrimitive: (v) => Object(v) !== v,
      isString: (v) => typeof v === 'string',
      isUndefined: (v) => v === undefined,
    };
    expect(names.sort()).toEqual(Object.keys(reference));
    for (const name of names) {
      const expected = Number(process.versions.node.split('.')[0]) < 22 ? native : reference;
      for (const value of values) {
        expect((simulated[name] as Test)(value))
          .withContext(`${name}(${String(value)})`)
          .toBe(expected[name](value));
      }
    }
  });

  it('leaves an older Node as it is', () => {
    const isArray = () => true;
    const simulated: Record<string, unknown> = {isArray};
    expect(mendNodeUtil(simulated, 20)).not.toContain('isArray');
    expect(simulated.isArray).toBe(isArray);
  });

  it('replaces functions that print a deprecation warning', () => {
    const simulated: Record<string, unknown> = {isArray: () => true};
    expect(mendNodeUtil(simulated, 22)).toContain('isArray');
    expect((simulated.isArray as Test)({})).toBe(false);
  });
});
