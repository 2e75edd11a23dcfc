import {cleanBrown} from '../../src/data/brown.js';
import {cleanMobyDick} from '../../src/data/moby_dick.js';

describe('cleanBrown', () => {
  it('sets quotes, stops and brackets as print does', () => {
    const tagged =
      "\n\n\t``/`` Only/rb a/at handful/nn (/( of/in such/jj reports/nns )/) ''/'' ,/, he/pps said/vbd ,/, " +
      "``/`` was/bedz received/vbn ''/'' ./.\n";
    expect(cleanBrown(tagged)).toBe('"Only a handful (of such reports)," he said, "was received."');
  });

  it('takes doubled marks once', () => {
    const tagged = "\t``/`` Pictures/nns ''/'' ?/. ?/.\nYou/ppss can/md joke/vb !/. !/.\n";
    expect(cleanBrown(tagged)).toBe('"Pictures?" You can joke!');
  });

  it('keeps slashes in words, and one stop after an abbreviation', () => {
    const tagged = '\tInput/Output/nn and/or/cc Allen/np Jr./np ./.\n';
    expect(cleanBrown(tagged)).toBe('Input/Output and/or Allen Jr.');
  });

  it('gives a headline and each paragraph a block of its own', () => {
    const tagged =
      '\n\nMerger/nn-hl proposed/vbn-hl \nHowever/wrb ,/, yes/rb ./.\n\n\n\tNo/rb ./.\n';
    expect(cleanBrown(tagged)).toBe('Merger proposed\n\nHowever, yes.\n\nNo.');
  });

  it('drops the signs for alphabets that the corpus could not print', () => {
    expect(cleanBrown('\tThe/at letter/nn **zg/nn is/bez here/rb ./.')).toBe('The letter is here.');
  });

  it('pairs single quotes inside double ones', () => {
    const tagged = "\t``/`` More/ap '/' pro/in '/' letters/nns ''/'' ./.";
    expect(cleanBrown(tagged)).toBe('"More \'pro\' letters."');
  });

  it('writes inches once', () => {
    const tagged = "\t10''/nn ''/'' tall/jj ,/, 5''/nn ''/'' ./.";
    expect(cleanBrown(tagged)).toBe('10" tall, 5".');
  });

  it('of nothing is nothing', () => {
    expect(cleanBrown('\n\n')).toBe('');
  });
});

describe('cleanMobyDick', () => {
  it('writes quotes and dashes as the other corpus does', () => {
    expect(cleanMobyDick('“Hark!”—it’s\r\nhe  \n\n\n\nNext')).toBe('"Hark!" -- it\'s\nhe\n\nNext');
  });
});
