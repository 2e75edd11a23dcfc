import {
  codecNames,
  codecVersions,
  float32Codec,
  getLegCodec,
  legCodecNames,
  registerLegCodec,
  getCodec,
  getFloatCodec,
  getIdsCodec,
  registerCodec,
  unregisterCodec,
} from '../../src/codecs/index.js';

describe('codec registry', () => {
  it('knows the codecs of the library by name', () => {
    for (const name of ['float32', 'bfloat16', 'uint16', 'uint32']) {
      expect(getCodec(name).name).toBe(name);
    }
    expect(codecNames('float32')).toContain('bfloat16');
    expect(codecNames('float32')).not.toContain('uint16');
  });

  it('refuses an unknown name with the nearest and all known ones', () => {
    expect(() => getCodec('bfloat61')).toThrowError(
      /unknown codec 'bfloat61'\. Did you mean 'bfloat16'\? Known: float32, bfloat16, uint16, uint32/,
    );
  });

  it('tells codecs of values from codecs of ids', () => {
    expect(getFloatCodec('float32')).toBe(float32Codec);
    expect(getIdsCodec('uint16').dtype).toBe('int32');
    expect(() => getFloatCodec('uint16')).toThrowError(/for int32 values.*float32, bfloat16/);
    expect(() => getIdsCodec('float32')).toThrowError(/for float32 values.*uint16, uint32/);
    expect(() => getFloatCodec('int8')).toThrowError(/'int8'.*Known: float32, bfloat16\b/);
    expect(() => getIdsCodec('int8')).toThrowError(/'int8'.*Known: uint16, uint32\. /);
  });

  it('refuses a second codec of one name, and takes the same one twice', () => {
    expect(() => registerCodec(float32Codec)).not.toThrow();
    expect(() => registerCodec({...float32Codec, version: 2})).toThrowError(/'float32' already/);
    expect(() => registerCodec({...float32Codec, name: ''})).toThrowError(/name is ''/);
    expect(() => registerCodec({...float32Codec, name: 'x', version: 0})).toThrowError(/version/);
  });

  it('tells the versions that peers compare', () => {
    expect(codecVersions(['float32', 'uint16'])).toEqual({float32: 1, uint16: 1});
    expect(Object.keys(codecVersions())).toEqual(codecNames());
    expect(() => codecVersions(['flaot32'])).toThrowError(/Did you mean 'float32'/);
  });
});

describe('leg codec registry', () => {
  it('takes codecs of values as legs too', () => {
    const name = 'test:value-leg';
    registerCodec({...float32Codec, name, version: 3});
    expect(getLegCodec(name).version).toBe(3);
    expect(getLegCodec(name).create().byteLength!([2, 3])).toBe(24);
    expect(legCodecNames()).not.toContain(name);
    // Peers compare all codecs they know: what stays registered here would part this process from others.
    unregisterCodec(name);
    expect(() => getLegCodec(name)).toThrowError(/unknown leg codec 'test:value-leg'/);
    expect(() => unregisterCodec(name)).toThrowError(/unknown codec 'test:value-leg'/);
  });

  it('refuses names that are taken, empty or unknown, and versions that are none', () => {
    const int8 = getLegCodec('int8');
    expect(() => registerLegCodec(int8)).not.toThrow();
    expect(() => registerLegCodec({...int8, version: 2})).toThrowError(
      /there is a leg codec 'int8' already \(version 1\); choose another name/,
    );
    expect(() => registerLegCodec({...int8, name: ''})).toThrowError(/name is ''/);
    expect(() => registerLegCodec({...int8, name: 'test:x', version: 0.5})).toThrowError(
      /version of 'test:x' is 0.5/,
    );
    expect(() => getLegCodec('topk')).toThrowError(
      /unknown leg codec 'topk'. Did you mean 'top-k'\? Known: float32, bfloat16, float16/,
    );
  });
});
