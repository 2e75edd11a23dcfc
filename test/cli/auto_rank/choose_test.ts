import {
  affordable,
  byEnergy,
  byLoss,
  finalists,
  type Weighed,
} from '../../../src/cli/auto_rank/choose.js';
import {seededRandom} from '../../../src/data/random.js';

/** A candidate of made-up numbers. */
function weighed(over: {
  family?: string;
  width?: number;
  codecLoss?: number;
  kept?: number | null;
  bytesShare?: number;
  bytes?: number;
  seconds?: number;
}): Weighed {
  const {family = 'one', width = 8, codecLoss = 0, kept = 1, bytesShare = 0, bytes = 10} = over;
  const {seconds = 1 + bytesShare} = over;
  const crossed = {width} as Weighed['candidate']['crossed'];
  return {
    candidate: {family, label: JSON.stringify(over), crossed, compression: {method: family}},
    cost: {bytes: {forward: bytes, backward: bytes}, seconds, bytesShare, delayShare: 0},
    codecLoss,
    kept,
  };
}

/** Candidates of four families at random, with many equal numbers among them. */
function randomList(seed: number): Weighed[] {
  const random = seededRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  return Array.from({length: 1 + pick(30)}, () =>
    weighed({
      family: `family ${pick(4)}`,
      width: 1 + pick(4),
      codecLoss: pick(3) / 10,
      kept: pick(5) === 0 ? null : pick(4) / 4,
      bytesShare: pick(10) / 10,
      bytes: 1 + pick(5),
      seconds: 1 + pick(20) / 10,
    }),
  );
}

const totalBytes = ({cost: {bytes}}: Weighed) => bytes.forward + bytes.backward;

describe('affordable', () => {
  it('is all that hides, whatever it keeps', () => {
    const list = [weighed({bytesShare: 0.5}), weighed({bytesShare: 0.1}), weighed({kept: 0})];
    expect(affordable(list, 0.1)).toEqual({list: [list[1], list[2]], hides: true});
    expect(affordable(list, 0.6)).toEqual({list, hides: true});
    expect(() => affordable([], 0.1)).toThrowError(/list is empty/);
  });

  it('is what is nearly the fastest where nothing hides', () => {
    const list = [1.3, 1.11, 1, 1.1].map((seconds) => weighed({bytesShare: 0.5, seconds}));
    expect(affordable(list, 0.1)).toEqual({list: [list[2], list[3]], hides: false});
    expect(affordable(list, 0)).toEqual({list: [list[2]], hides: false});
  });

  it('is never empty, and never slower than what it leaves out for no reason', () => {
    for (let seed = 0; seed < 200; seed++) {
      const list = randomList(seed);
      const share = (seed % 7) / 10;
      const found = affordable(list, share);
      const out = list.filter((one) => !found.list.includes(one));
      expect(found.list.length).withContext(`seed ${seed}`).toBeGreaterThan(0);
      const cost = ({cost}: Weighed) => (found.hides ? cost.bytesShare : cost.seconds);
      const worst = Math.max(...found.list.map(cost));
      expect(out.every((one) => cost(one) > worst))
        .withContext(`seed ${seed}`)
        .toBeTrue();
    }
  });
});

describe('finalists', () => {
  it('are the widest of each family, of one width the most exact, then that of fewer bytes', () => {
    const list = [
      weighed({family: 'a', width: 4}),
      weighed({family: 'a', width: 8, codecLoss: 0.1}),
      weighed({family: 'b', width: 8, bytes: 20}),
      weighed({family: 'a', width: 8, codecLoss: 0.01}),
      weighed({family: 'b', width: 8, bytes: 19}),
    ];
    expect(finalists(list)).toEqual([list[3], list[4]]);
  });

  it('are one a family, and none of its own family beats it', () => {
    for (let seed = 0; seed < 200; seed++) {
      const list = randomList(seed);
      const found = finalists(list);
      const families = found.map(({candidate}) => candidate.family);
      expect(families).toEqual([...new Set(list.map(({candidate}) => candidate.family))]);
      for (const one of list) {
        const best = found[families.indexOf(one.candidate.family)];
        const {width} = best.candidate.crossed;
        const order =
          width - one.candidate.crossed.width ||
          one.codecLoss - best.codecLoss ||
          totalBytes(one) - totalBytes(best);
        expect(order).withContext(`seed ${seed}`).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

describe('byEnergy', () => {
  it('takes most energy, fewer bytes among equals', () => {
    const list = [weighed({kept: 0.9, bytes: 20}), weighed({kept: 0.9}), weighed({kept: 0.5})];
    expect(byEnergy(list)).toBe(list[1]);
  });

  it('takes one that energy says nothing of only where it says nothing of any', () => {
    const silent = [weighed({kept: null, width: 4}), weighed({kept: null, width: 8})];
    expect(byEnergy(silent)).toBe(silent[1]);
    const little = weighed({kept: 0});
    expect(byEnergy([...silent, little])).toBe(little);
  });
});

describe('byLoss', () => {
  it('takes the least loss, whatever is kept and sent', () => {
    for (let seed = 0; seed < 200; seed++) {
      const list = randomList(seed);
      const random = seededRandom(seed + 1000);
      const losses = list.map((_, i) => (i % 3 === 1 ? NaN : 4 + Math.floor(random() * 5) / 10));
      const best = byLoss(list, losses);
      const least = Math.min(...losses.filter((loss) => !isNaN(loss)));
      expect(losses[list.indexOf(best)]).withContext(`seed ${seed}`).toBe(least);
      list.forEach((one, i) => {
        if (losses[i] === least) expect(totalBytes(best)).toBeLessThanOrEqual(totalBytes(one));
      });
    }
  });

  it('refuses to choose where all trials failed', () => {
    expect(() => byLoss([weighed({}), weighed({})], [NaN, NaN])).toThrowError(/no trial came/);
  });
});
