import {gpipe, oneFOneB} from '../../src/pipeline/schedule.js';
import {stepTime} from '../../src/pipeline/step_time.js';

describe('stepTime', () => {
  const link = {mbps: 8, delayMs: 500};
  const costs = {forwardSeconds: 1, backwardSeconds: 2, link};

  it('is the compute of a single stage', () => {
    const schedule = gpipe({stages: 1, microbatches: 3});
    expect(stepTime(schedule, {...costs, forwardBytes: [], backwardBytes: []})).toBe(9);
  });

  it('adds what crosses and its delay', () => {
    const schedule = gpipe({stages: 2, microbatches: 1});
    // 1 MB at 8 Mbit/s is 1 s: forward 1, crossing 1.5, forward 1, backward 2, crossing 2.5 and backward 2.
    const time = stepTime(schedule, {...costs, forwardBytes: [1e6], backwardBytes: [2e6]});
    expect(time).toBeCloseTo(1 + 1.5 + 1 + 2 + 2.5 + 2, 9);
  });

  it('queues microbatches at a slow link and lets computing go on', () => {
    const schedule = gpipe({stages: 2, microbatches: 2});
    const slow = {...costs, forwardBytes: [4e6], backwardBytes: [0]};
    // Sent at 1 and 2, gone at 5 and 9, arrived at 5.5 and 9.5, backwards 10.5–12.5–14.5, last arrival 15, 2 s more.
    expect(stepTime(schedule, slow)).toBeCloseTo(17, 9);
  });

  it('is the textbook bubble when links cost nothing', () => {
    for (const make of [gpipe, oneFOneB]) {
      for (const [stages, microbatches] of [
        [2, 4],
        [4, 4],
        [4, 16],
      ]) {
        const none = new Array<number>(stages - 1).fill(0);
        const free = {
          ...costs,
          forwardBytes: none,
          backwardBytes: none,
          link: {mbps: 1, delayMs: 0},
        };
        const time = stepTime(make({stages, microbatches}), free);
        expect(time).toBeCloseTo((microbatches + stages - 1) * 3, 9);
      }
    }
  });

  it('refuses costs that are none', () => {
    const schedule = gpipe({stages: 2, microbatches: 1});
    const good = {...costs, forwardBytes: [1], backwardBytes: [1]};
    expect(() => stepTime(schedule, {...good, forwardBytes: []})).toThrowError(
      /forwardBytes has 0 entries, expected one for each of 1/,
    );
    expect(() => stepTime(schedule, {...good, forwardSeconds: NaN})).toThrowError(
      /forwardSeconds is NaN/,
    );
    expect(() => stepTime(schedule, {...good, link: {mbps: 0, delayMs: 1}})).toThrowError(
      /mbps is 0/,
    );
  });
});
