import {scheduleFromConfig, schedules} from '../../src/optimizers/index.js';

const {constant, scaled, warmupConstant, warmupCosine, warmupLinear} = schedules;

describe('schedules', () => {
  it('constant', () => {
    expect([0, 1, 1000].map(constant(0.3).at)).toEqual([0.3, 0.3, 0.3]);
    expect(constant().at(5)).toBe(1);
  });

  it('warmupConstant rises from the first step on', () => {
    const schedule = warmupConstant({peak: 2, warmupSteps: 4});
    expect([0, 1, 2, 3, 4, 99].map(schedule.at)).toEqual([0.5, 1, 1.5, 2, 2, 2]);
    expect(warmupConstant({warmupSteps: 0}).at(0)).toBe(1);
  });

  it('warmupCosine falls along half a cosine to its floor', () => {
    const schedule = warmupCosine({peak: 3, warmupSteps: 2, totalSteps: 6, floor: 1});
    // 1 + 2·(1 + cos(π k/4))/2 for k = 0 … 4
    const expected = [1.5, 3, 3, 2 + Math.SQRT1_2, 2, 2 - Math.SQRT1_2, 1, 1];
    [0, 1, 2, 3, 4, 5, 6, 100].forEach((step, i) => {
      expect(schedule.at(step)).toBeCloseTo(expected[i], 12);
    });
  });

  it('warmupLinear holds, then falls to its floor and stays', () => {
    const schedule = warmupLinear({warmupSteps: 2, holdUntil: 4, totalSteps: 8});
    const values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(schedule.at);
    expect(values).toEqual([0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]);
    const floored = warmupLinear({peak: 1, warmupSteps: 0, totalSteps: 2, floor: 0.5});
    expect([0, 1, 2, 3].map(floored.at)).toEqual([1, 0.75, 0.5, 0.5]);
  });

  it('scaled follows another', () => {
    const schedule = scaled(warmupConstant({peak: 2, warmupSteps: 4}), 0.5);
    expect([0, 9].map(schedule.at)).toEqual([0.25, 1]);
  });

  it('come back from their configuration, through JSON', () => {
    const all = [
      constant(0.3),
      warmupConstant({peak: 2, warmupSteps: 4}),
      warmupCosine({peak: 3, warmupSteps: 2, totalSteps: 6, floor: 1}),
      warmupLinear({peak: 3, warmupSteps: 2, holdUntil: 3, totalSteps: 6, floor: 1}),
      scaled(scaled(warmupLinear({warmupSteps: 2, totalSteps: 6}), 0.1), 3),
    ];
    for (const schedule of all) {
      const copy = scheduleFromConfig(JSON.parse(JSON.stringify(schedule.getConfig())));
      expect(copy.schedule).toBe(schedule.schedule);
      for (let step = 0; step < 8; step++) {
        expect(copy.at(step)).toBe(schedule.at(step));
      }
    }
  });

  it('say what is wrong with their options', () => {
    expect(() => warmupLinear({warmupSteps: 5, totalSteps: 5})).toThrowError(
      /schedules.warmupLinear: totalSteps is 5, expected more than holdUntil = 5/,
    );
    expect(() => warmupLinear({warmupSteps: 5, holdUntil: 3, totalSteps: 9})).toThrowError(
      /holdUntil is 3, expected at least warmupSteps = 5/,
    );
    expect(() => warmupCosine({warmupSteps: 1.5, totalSteps: 9})).toThrowError(
      /warmupSteps is 1.5/,
    );
    expect(() => warmupConstant({peak: -1, warmupSteps: 2})).toThrowError(/peak is -1/);
    const misspelt = {warmup: 2, warmupSteps: 1};
    expect(() => warmupConstant(misspelt)).toThrowError(
      /unknown key 'warmup', did you mean 'warmupSteps'/,
    );
    for (const [name, make] of Object.entries({warmupConstant, warmupCosine, warmupLinear})) {
      expect(() => (make as () => unknown)()).toThrowError(
        new RegExp(`^schedules.${name}: the argument is missing, expected an object`),
      );
    }
    expect(() => scheduleFromConfig({schedule: 'step'})).toThrowError(/unknown schedule 'step'/);
    expect(() => constant(1).at(-1)).toThrowError(/step is -1/);
  });
});
