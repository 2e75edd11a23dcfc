import {evaluationBatches, TokenBatches} from '../../src/data/token_batches.js';

const text = (length: number) => Uint16Array.from({length}, (_, i) => i);
const args = {tokens: text(101), batchSize: 3, context: 10, vocabSize: 101, seed: 7};

describe('TokenBatches', () => {
  it('gives sequences and the same one position later', () => {
    const {ids, targets, shape} = new TokenBatches(args).next();
    expect(shape).toEqual([3, 10]);
    // The text counts up, so every target is its input plus one and rows are runs.
    expect(targets).toEqual(ids.map((id) => id + 1));
    for (let row = 0; row < 3; row++) {
      for (let i = 1; i < 10; i++) expect(ids[row * 10 + i]).toBe(ids[row * 10] + i);
    }
  });

  it('shows each sequence once a pass, in another order the next', () => {
    const batches = new TokenBatches({...args, batchSize: 1});
    const pass = () => Array.from({length: batches.sequencesPerEpoch}, () => batches.next().ids[0]);
    const first = pass();
    expect(first.length).toBeGreaterThanOrEqual(9);
    expect(new Set(first).size).toBe(first.length);
    const remainders = new Set(first.map((id) => id % 10));
    expect(remainders.size).toBe(1);
    expect(pass()).not.toEqual(first);
  });

  it('draws the same in every process with the same seed, something else with another', () => {
    const draw = (seed: number) => {
      const batches = new TokenBatches({...args, seed});
      return Array.from({length: 8}, () => [...batches.next().ids]);
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('goes on from a saved state with the batch that would have been next, passes included', () => {
    const whole = new TokenBatches(args);
    for (let step = 0; step < 12; step++) {
      const resumed = new TokenBatches(args);
      resumed.restore(JSON.parse(JSON.stringify(whole.state())));
      expect(resumed.next()).toEqual(whole.next());
      expect(resumed.state()).toEqual(whole.state());
    }
    expect(whole.state().epoch).toBeGreaterThan(2);
  });

  it('works when a sequence and its target are all there is', () => {
    const batches = new TokenBatches({...args, tokens: text(11), batchSize: 2});
    expect([...batches.next().ids.subarray(0, 10)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.state()).toEqual({seed: 7, epoch: 1, position: 1});
  });

  it('refuses empty and short text', () => {
    expect(() => new TokenBatches({...args, tokens: text(0)})).toThrowError(/text is empty/);
    expect(() => new TokenBatches({...args, tokens: text(10)})).toThrowError(
      /the text has 10 tokens, a sequence needs 11/,
    );
  });

  it('refuses ids outside the vocabulary', () => {
    expect(() => new TokenBatches({...args, vocabSize: 50})).toThrowError(
      /token 50 of the text is 50, outside the model's vocabulary \(0 to 49\)/,
    );
    const negative = Int32Array.from({length: 20}, () => -1);
    expect(() => new TokenBatches({...args, tokens: negative})).toThrowError(/token 0 .* is -1/);
  });

  it('refuses sizes that are no counts', () => {
    expect(() => new TokenBatches({...args, batchSize: 0})).toThrowError(/batchSize is 0/);
    expect(() => new TokenBatches({...args, context: 1.5})).toThrowError(/context is 1\.5/);
  });

  it('refuses a state of another run', () => {
    const batches = new TokenBatches(args);
    expect(() => batches.restore({seed: 8, epoch: 0, position: 0})).toThrowError(
      /saved seed is 8, this reader's is 7/,
    );
    expect(() => batches.restore({seed: 7, epoch: 0, position: 99})).toThrowError(
      /position 99 is past/,
    );
    expect(() => batches.restore({seed: 7, epoch: -1, position: 0})).toThrowError(/no counts/);
  });
});

describe('evaluationBatches', () => {
  it('goes through the text in order', () => {
    const batches = evaluationBatches(text(101), 3, 10);
    expect(batches.length).toBe(3);
    expect(batches.map(({ids}) => ids[0])).toEqual([0, 30, 60]);
    for (const {ids, targets} of batches) expect(targets).toEqual(ids.map((id) => id + 1));
  });

  it('spreads a limited number over the text', () => {
    expect(evaluationBatches(text(1001), 1, 10, 4).map(({ids}) => ids[0])).toEqual([
      0, 250, 500, 750,
    ]);
  });

  it('makes one smaller batch of a text that has no full one', () => {
    const [batch, ...rest] = evaluationBatches(text(31), 8, 10);
    expect(rest.length).toBe(0);
    expect(batch.shape).toEqual([3, 10]);
  });

  it('refuses text shorter than a sequence', () => {
    expect(() => evaluationBatches(text(10), 1, 10)).toThrowError(/needs 11/);
  });
});
