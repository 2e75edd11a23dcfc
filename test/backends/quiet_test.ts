/** TensorFlow's log while its libraries are loaded. */
import {filterLog, loadQuietly} from '../../src/backends/quiet.js';

const LOG = [
  'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n',
  'I0000 00:00:1.5  10 port.cc:153] oneDNN custom operations are on.\n',
  'W0000 00:00:1.6  10 some.cc:1] a warning\n',
  'E0000 00:00:1.7  10 some.cc:2] an error\n',
  'free(): invalid pointer\n',
];

describe('filterLog', () => {
  for (const [level, kept] of [
    [0, [0, 1, 2, 3, 4]],
    [1, [2, 3, 4]],
    [2, [3, 4]],
    [3, [4]],
  ] as const) {
    it(`keeps what level ${level} asks for`, () => {
      expect(filterLog(LOG.join(''), level)).toBe(kept.map((i) => LOG[i]).join(''));
    });
  }
});

describe('loadQuietly', () => {
  it('gives stderr back and lets errors through when loading fails', () => {
    const calls: string[] = [];
    const written: string[] = [];
    const capture = {
      begin: () => void calls.push('begin'),
      end: () => (calls.push('end'), LOG[1] + LOG[3]),
    };
    const load = () => {
      throw new Error('no such library');
    };
    expect(() => loadQuietly(capture, 2, load, (text) => written.push(text))).toThrowError(
      'no such library',
    );
    expect(calls).toEqual(['begin', 'end']);
    expect(written).toEqual([LOG[3]]);
  });
});
