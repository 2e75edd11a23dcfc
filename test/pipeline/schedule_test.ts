import {checkSchedule, printSchedule} from '../../src/pipeline/check_schedule.js';
import {
  formatSchedule,
  gpipe,
  makeSchedule,
  oneFOneB,
  parseAction,
  parseSchedule,
  printAction,
  registerSchedule,
  scheduleNames,
} from '../../src/pipeline/schedule.js';

describe('schedules', () => {
  it('print and parse', () => {
    const action = {stage: 2, type: 'F' as const, microbatch: 0};
    expect(printAction(action)).toBe('2F0');
    expect(parseAction('2F0')).toEqual(action);
    expect(parseAction('12B34')).toEqual({stage: 12, type: 'B', microbatch: 34});
    expect(() => parseAction('2X0')).toThrowError(/'2X0' is not an action.*'2F0'/);
    const schedule = oneFOneB({stages: 3, microbatches: 5});
    expect(parseSchedule(formatSchedule(schedule), '1f1b')).toEqual(schedule);
    expect(() => parseSchedule('0F0 0B0\n0F0 1B0')).toThrowError(/Line 1 .* 0F0.*stage 0/);
  });

  it('1F1B of two stages and three microbatches', () => {
    expect(formatSchedule(oneFOneB({stages: 2, microbatches: 3}))).toBe(
      ['0F0 0F1 0B0 0F2 0B1 0B2', '1F0 1B0 1F1 1B1 1F2 1B2'].join('\n'),
    );
  });

  it('GPipe of two stages and three microbatches: backwards in the order of the microbatches', () => {
    expect(formatSchedule(gpipe({stages: 2, microbatches: 3}))).toBe(
      ['0F0 0F1 0F2 0B0 0B1 0B2', '1F0 1F1 1F2 1B0 1B1 1B2'].join('\n'),
    );
  });

  for (const [stages, microbatches] of [
    [1, 1],
    [1, 4],
    [2, 1],
    [4, 4],
    [4, 2],
    [3, 7],
    [8, 32],
  ]) {
    it(`pass the mock run: ${stages} stages, ${microbatches} microbatches`, () => {
      const one = checkSchedule(oneFOneB({stages, microbatches}));
      const all = checkSchedule(gpipe({stages, microbatches}));
      // Both fill and drain once: (P − 1) slots each way beyond the 2M of work.
      const slots = 2 * (microbatches + stages - 1);
      expect(one.slots).toBe(slots);
      expect(all.slots).toBe(slots);
      expect(one.bubble).toBeCloseTo((2 * (stages - 1)) / slots, 12);
      one.peakInFlight.forEach((peak, p) => expect(peak).toBe(Math.min(stages - p, microbatches)));
      all.peakInFlight.forEach((peak) => expect(peak).toBe(microbatches));
    });
  }

  it('draw a grid with bubbles and longer backwards', () => {
    expect(printSchedule(oneFOneB({stages: 2, microbatches: 2}))).toBe(
      [
        '1f1b: 2 stages, 2 microbatches, 6 slots, 33.3 % bubble',
        'slot    0   1   2   3   4   5',
        'stage 0 0F0 0F1 .   0B0 .   0B1 in flight 2',
        'stage 1 .   1F0 1B0 1F1 1B1 .   in flight 1',
      ].join('\n'),
    );
    expect(printSchedule(gpipe({stages: 2, microbatches: 1}), {backward: 2})).toContain(
      'stage 1 .   1F0 1B0 = .   . in flight 1',
    );
  });

  it('are refused with the place of the mistake', () => {
    const check = (text: string, microbatches?: number) => () => {
      const schedule = parseSchedule(text);
      return checkSchedule({...schedule, microbatches: microbatches ?? schedule.microbatches});
    };
    expect(check('0F0 0B0 0F0')).toThrowError(
      'Action 2 of stage 0, 0F0, is a duplicate or out of order: F1 is next.',
    );
    expect(check('0F0 0F2 0F1 0B0 0B1 0B2')).toThrowError(
      'Action 1 of stage 0, 0F2, is out of order: 0F1 must come before it.',
    );
    expect(check('0F0 0F1 0B1 0B0')).toThrowError(/Action 2 of stage 0, 0B1.*0B0 must come before/);
    expect(check('0B0 0F0')).toThrowError(/Action 0 of stage 0, 0B0, comes before the forward/);
    expect(check('0F0 0B0\n1F0')).toThrowError('Stage 1 ends after 1 actions without 1B0.');
    expect(check('0F0 0B0', 2)).toThrowError('Stage 0 ends after 2 actions without 0F1.');
    expect(check('0F0 0F1 0B0 0B1', 1)).toThrowError(/a step has 1 microbatches/);
    expect(() => checkSchedule({...gpipe({stages: 2, microbatches: 1}), stages: 3})).toThrowError(
      /lists for 2 stages, expected 3/,
    );
  });

  it('are refused when stages wait for each other', () => {
    // Stage 0 wants the gradient of microbatch 0 before it sends microbatch 1; stage 1 wants both first.
    const text = '0F0 0B0 0F1 0B1\n1F0 1F1 1B0 1B1';
    expect(() => checkSchedule(parseSchedule(text))).toThrowError(
      'The schedule deadlocks: stage 0 at action 1, 0B0, waits for 1B0; ' +
        'stage 1 at action 1, 1F1, waits for 0F1.',
    );
  });

  it('are found by name, and others can be added', () => {
    expect(makeSchedule('1f1b', {stages: 2, microbatches: 2}).name).toBe('1f1b');
    registerSchedule('test-serial', (size) => ({...gpipe(size), name: 'test-serial'}));
    expect(scheduleNames()).toEqual(['gpipe', '1f1b', 'test-serial']);
    expect(makeSchedule('test-serial', {stages: 1, microbatches: 1}).name).toBe('test-serial');
    expect(() => makeSchedule('zero-bubble', {stages: 1, microbatches: 1})).toThrowError(
      /'zero-bubble' is not known: expected one of gpipe, 1f1b/,
    );
    expect(() => oneFOneB({stages: 0, microbatches: 1})).toThrowError(/oneFOneB: stages is 0/);
    expect(() => gpipe({stages: 1, microbatches: 1.5})).toThrowError(/gpipe: microbatches is 1.5/);
  });
});
