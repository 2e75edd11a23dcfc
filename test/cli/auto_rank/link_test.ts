import {parseLink} from '../../../src/cli/auto_rank/link_speed.js';
import {stepCost, type RunShape} from '../../../src/cli/auto_rank/step_costs.js';
import {takeAuto} from '../../../src/cli/auto_rank/take_auto.js';
import {parseConfig} from '../../../src/cli/config/load_config.js';

describe('parseLink', () => {
  it('reads rate and delay', () => {
    expect(parseLink('20mbit,40ms')).toEqual({mbps: 20, delayMs: 40});
    expect(parseLink(' 1.5 Gbit ')).toEqual({mbps: 1500, delayMs: 0});
    expect(parseLink('500kbit, 2.5ms')).toEqual({mbps: 0.5, delayMs: 2.5});
    for (const text of ['20', '0mbit', 'mbit,1ms', '20mbit,-1ms', '20mbit,1s', '1..2mbit']) {
      expect(() => parseLink(text)).toThrowError(/is no link: expected .* such as 20mbit,40ms/);
    }
  });

  it('is a setting of the network, as text or in parts', () => {
    const link = {mbps: 20, delayMs: 40};
    expect(parseConfig({network: {link: '20mbit,40ms'}}).network.link).toEqual(link);
    expect(parseConfig({network: {link}}).network.link).toEqual(link);
    expect(parseConfig({}).network.link).toBeNull();
    expect(() => parseConfig({network: {link: 'fast'}})).toThrowError(/'fast' is no link/);
  });
});

describe('stepCost', () => {
  const run: RunShape = {
    stages: 2,
    microbatches: 1,
    schedule: '1f1b',
    tokens: 1000,
    hiddenSize: 100,
    vocabSize: 1000,
    wire: 'bfloat16',
    stepSeconds: 6,
    link: {mbps: 1, delayMs: 250},
  };
  const bfloat16 = {codec: 'bfloat16'};
  const legs = {forward: bfloat16, backward: bfloat16};

  it('adds up what cannot overlap', () => {
    // One microbatch, two stages: forward and backward of 1 and 2 s on each, one crossing of 200,000 bytes each way.
    const plain = stepCost(run, {width: 100, ...legs, ids: false, projector: false});
    expect(plain.bytes).toEqual({forward: 200, backward: 200});
    // 6 s + 2 · 1.6 s + 2 · 0.25 s, then norms up and down: 2 · 0.25 s.
    expect(plain.seconds).toBeCloseTo(6 + 3.2 + 0.5 + 0.5, 9);
    expect(plain.bytesShare).toBeCloseTo(3.2 / 10.2, 9);
    expect(plain.delayShare).toBeCloseTo(1 / 10.2, 9);
  });

  it('counts ids and what projectors send once a step', () => {
    const mapl = stepCost(run, {width: 10, ...legs, ids: true, projector: true});
    expect(mapl.bytes).toEqual({forward: 22, backward: 20});
    // 42,000 bytes of activations, 2 · 2,000 of projectors, and one delay more.
    expect(mapl.seconds).toBeCloseTo(6 + (8 * 46000) / 1e6 + 5 * 0.25, 9);
  });

  it('hides behind compute what can be sent beside it', () => {
    const wide = {...run, microbatches: 8, schedule: 'gpipe', link: {mbps: 10, delayMs: 0}};
    // 8 microbatches of 0.125 s a forward; sending one takes 0.02 s. Only the first of each direction is waited for.
    const cost = stepCost(wide, {width: 100, ...legs, ids: false, projector: false});
    expect(cost.seconds).toBeCloseTo(9 * 0.375 + 2 * 0.02, 9);
  });
});

describe('takeAuto', () => {
  it('takes the wish out, wherever it stands', () => {
    const file = {compression: {rank: 'auto', method: 'mapl'}};
    const rest = {compression: {method: 'mapl'}};
    expect(takeAuto(file, {})).toEqual({given: rest, auto: true});
    expect(takeAuto({compression: {rank: 32, method: 'mapl'}}, {autoRank: true})).toEqual({
      given: rest,
      auto: true,
    });
    expect(takeAuto({}, {autoRank: true})).toEqual({given: {compression: {}}, auto: true});
    expect(takeAuto({compression: {rank: 8}}, {})).toEqual({
      given: {compression: {rank: 8}},
      auto: false,
    });
    expect(() => takeAuto({}, {autoRank: true, rank: '8'})).toThrowError(/--rank is 8/);
  });

  it('refuses flags that would do nothing', () => {
    for (const [key, name] of [
      ['autoRankSteps', '--auto-rank-steps'],
      ['stepSeconds', '--step-seconds'],
      ['hideShare', '--hide-share'],
    ]) {
      expect(() => takeAuto({}, {[key]: 0})).toThrowError(
        new RegExp(`${name} says how --auto-rank`),
      );
      expect(takeAuto({}, {[key]: 0, autoRank: true}).auto).toBeTrue();
      expect(takeAuto({compression: {rank: 'auto'}}, {[key]: 0}).auto).toBeTrue();
    }
  });
});
