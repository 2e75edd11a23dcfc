import {loadTokenizer, TextTokenizer} from '../../src/data/tokenizer.js';
import {readFileSync} from 'node:fs';

const SHIPPED = 'assets/tokenizer';

describe('TextTokenizer', () => {
  let tokenizer: TextTokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(SHIPPED);
  });

  it('has the vocabulary of the demo', () => {
    expect(tokenizer.vocabSize).toBe(2048);
    expect(tokenizer.endOfText).toBe(0);
    expect(tokenizer.decode([0])).toBe('<|endoftext|>');
  });

  const texts = {
    plain: 'Call me Ishmael. Some years ago -- never mind how long precisely',
    blanks: '  two  blanks,\ttabs\n\n\nand lines \n',
    punctuation: '"Hark!" (he\'s gone) , . ; : $1,000.50 50% [x] {y} a/b',
    letters: 'naïve Œuvre Ἀχιλλεύς Москва 鯨 クジラ',
    emoji: '🐋 👩‍👩‍👧 e\u0301 \u{10ffff}',
    controls: '\u0000\u0001\u007f\u00a0\u2028\ufeff',
    special: 'before <|endoftext|> after',
    one: 'a',
    empty: '',
  };
  for (const [name, text] of Object.entries(texts)) {
    it(`decodes what it encoded: ${name}`, () => {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    });
  }

  it('encodes English to fewer ids than half its letters', () => {
    const text = texts.plain;
    expect(tokenizer.encode(text).length).toBeLessThan(text.length / 2);
    expect(tokenizer.encode(text)).toBeInstanceOf(Int32Array);
  });

  it('refuses half a surrogate pair', () => {
    expect(() => tokenizer.encode('ab\ud83d')).toThrowError(/half a surrogate pair at character 2/);
  });

  it('refuses ids outside the vocabulary', () => {
    expect(() => tokenizer.decode([1, 2048])).toThrowError(
      /id 2048 at position 1 is outside the vocabulary \(0 to 2047\)/,
    );
    expect(() => tokenizer.decode([-1])).toThrowError(/outside the vocabulary/);
    expect(() => tokenizer.decode([0.5])).toThrowError(/outside the vocabulary/);
  });

  it("says how to mend a vocabulary that is not the model's", () => {
    tokenizer.checkVocabulary(2048);
    expect(() => tokenizer.checkVocabulary(32000)).toThrowError(
      /tokenizer has 2048 ids, the model a vocabulary of 32000\. Give the tokenizer that.*--tokenizer/,
    );
  });

  it('names a missing or broken file', async () => {
    await expectAsync(loadTokenizer('no/such/folder')).toBeRejectedWithError(
      /there is no 'no\/such\/folder\/tokenizer\.json'/,
    );
    await expectAsync(loadTokenizer('package.json')).toBeRejectedWithError(
      /no Hugging Face tokenizer\.json/,
    );
    expect(() => new TextTokenizer(JSON.parse(readFileSync('package.json', 'utf8')))).toThrowError(
      /no Hugging Face tokenizer\.json/,
    );
  });
});
