import {demoCorpus} from '../../src/data/demo_corpus.js';

describe('demoCorpus', () => {
  it('is 500 samples of the Brown corpus and 138 parts of Moby Dick, clean', async () => {
    const documents = await demoCorpus();
    const texts = (prefix: string) =>
      documents.filter(({name}) => name.startsWith(prefix)).map(({text}) => text);
    expect(texts('brown/').length).toBe(500);
    expect(texts('moby-dick/').length).toBe(138);
    const brown = texts('brown/').join('\n\n');
    expect(brown.length).toBeGreaterThan(5.5e6);
    // No tags, no quotes in the corpus' spelling, no blank before a comma.
    expect(brown).not.toMatch(/\/(at|nn|vbd)\b|``|''"| ,/);
    expect(brown.startsWith('The Fulton County Grand Jury said Friday')).toBeTrue();
    expect(texts('moby-dick/').some((text) => text.includes('Call me Ishmael.'))).toBeTrue();
  });
});
