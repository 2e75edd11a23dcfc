import {splitDocuments} from '../../src/data/split_documents.js';

const corpus = (count: number, length: number) =>
  Array.from({length: count}, (_, i) => ({name: `d${i}`, text: `${i} `.padEnd(length, 'abc ')}));
const characters = (documents: Array<{text: string}>) =>
  documents.reduce((sum, {text}) => sum + text.length, 0);

describe('splitDocuments', () => {
  const shares = {validation: 0.1, test: 0.2};

  it('puts every document on one side, near the shares asked for', () => {
    const documents = corpus(200, 500);
    const parts = splitDocuments(documents, shares);
    const names = [...parts.train, ...parts.validation, ...parts.test].map(({name}) => name);
    expect(new Set(names).size).toBe(200);
    expect(characters(parts.validation) / 100000).toBeCloseTo(0.1, 1);
    expect(characters(parts.test) / 100000).toBeCloseTo(0.2, 1);
  });

  it('is the same every time, and another with another seed', () => {
    const names = (seed: number) =>
      splitDocuments(corpus(50, 500), shares, seed).test.map(({name}) => name);
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  it('moves few documents when one is added', () => {
    const before = new Set(splitDocuments(corpus(100, 500), shares).test.map(({name}) => name));
    const after = splitDocuments(corpus(101, 500), shares).test.filter(({name}) =>
      before.has(name),
    );
    expect(after.length).toBeGreaterThanOrEqual(before.size - 2);
  });

  it('cuts one long text into pieces that join to it again', () => {
    const text = Array.from({length: 400}, (_, i) => `Paragraph ${i} 🐋.`).join('\n\n');
    const parts = splitDocuments([{name: 'book', text}], shares);
    expect(parts.test.length).toBeGreaterThan(0);
    expect(parts.validation.length).toBeGreaterThan(0);
    const all = [...parts.train, ...parts.validation, ...parts.test];
    const index = (name: string) => Number(name.split('#')[1]);
    all.sort((a, b) => index(a.name) - index(b.name));
    expect(all.map((piece) => piece.text).join('')).toBe(text);
  });

  it('never cuts a surrogate pair of a text without blanks', () => {
    const text = '🐋'.repeat(5000);
    const parts = splitDocuments([{name: 'whales', text}], shares);
    for (const piece of [...parts.train, ...parts.validation, ...parts.test]) {
      expect(piece.text).toMatch(/^(🐋)+$/u);
    }
  });

  it('leaves a text too short to be split to training', () => {
    const parts = splitDocuments([{name: 'a', text: 'Too short a text.'}], shares);
    expect([parts.train.length, parts.validation.length, parts.test.length]).toEqual([1, 0, 0]);
  });

  it('refuses empty text, doubled names and shares that leave nothing', () => {
    expect(() => splitDocuments([], shares)).toThrowError(/the text is empty \(0 documents/);
    expect(() => splitDocuments([{name: 'a', text: ' \n'}], shares)).toThrowError(/text is empty/);
    expect(() => splitDocuments([...corpus(1, 9), ...corpus(1, 9)], shares)).toThrowError(
      /two documents are named 'd0'/,
    );
    expect(() => splitDocuments(corpus(9, 9), {validation: 0.5, test: 0.5})).toThrowError(
      /leave something to train on/,
    );
    expect(() => splitDocuments(corpus(9, 9), {validation: -0.1, test: 0})).toThrowError(
      /validation=-0\.1/,
    );
  });
});
