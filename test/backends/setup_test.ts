/** `setup` on a machine that is played: what it does, what it keeps, how it mends interrupted runs. */
import {existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {FakeMachine} from './support/fake_machine.js';

const ALL = ['pip', 'g++ tfjs_binding.node', 'g++ tfjs_mapl_quiet.node', 'load'];

describe('setup', () => {
  let machine: FakeMachine;
  beforeEach(() => (machine = new FakeMachine()));
  afterEach(() => machine.delete());

  /** All files below the cache and tfjs-node that a finished setup should not leave. */
  const leftovers = () =>
    [machine.cache, machine.tfjsNode]
      .flatMap((folder) => readdirSync(folder, {recursive: true}) as string[])
      .filter((name) => /partial|\.lock|\.whl/.test(name));

  it('fetches, unpacks, builds, checks, and puts the binding where tfjs-node looks', async () => {
    const result = await machine.setup();
    expect(machine.commands).toEqual(ALL);
    expect(result.changed).toBe(true);
    expect(machine.read(machine.binding)).toContain('compiled');
    const library = path.join(result.site, 'tensorflow/libtensorflow_cc.so.2');
    expect(machine.read(library)).toBe(machine.members['tensorflow/libtensorflow_cc.so.2']);
    expect(existsSync(path.join(result.site, 'tensorflow/python'))).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('does nothing the second time', async () => {
    await machine.setup();
    const result = await machine.setup();
    expect(machine.commands).toEqual([]);
    expect(result.changed).toBe(false);
    expect(machine.lines.join()).toContain('nothing to do');
  });

  it('redoes everything with force', async () => {
    await machine.setup();
    await machine.setup({force: true});
    expect(machine.commands).toEqual(ALL);
  });

  it('goes on where it was interrupted', async () => {
    // Killed in the compiler: what was fetched and unpacked is kept.
    machine.answer = ([program]) => {
      if (program === 'g++') throw new Error('killed');
      return null;
    };
    await expectAsync(machine.setup()).toBeRejectedWithError('killed');
    expect(existsSync(machine.binding)).toBe(false);
    machine.answer = () => null;
    await machine.setup();
    expect(machine.commands).toEqual(ALL.slice(1));
  });

  it('unpacks anew when it was killed while unpacking', async () => {
    const {site} = await machine.setup();
    rmSync(site, {recursive: true});
    const partial = `${site}.partial-1`;
    mkdirSync(partial);
    writeFileSync(path.join(partial, 'half'), '');
    await machine.setup();
    expect(machine.commands[0]).toBe('pip');
    expect(existsSync(path.join(site, 'tensorflow/libtensorflow_cc.so.2'))).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  it('notices a library that was cut short', async () => {
    const {site} = await machine.setup();
    truncateSync(path.join(site, 'tensorflow/libtensorflow_cc.so.2'), 10);
    const result = await machine.setup();
    expect(machine.commands).toEqual(['pip']);
    expect(result.changed).toBe(true);
    expect((await machine.setup()).changed).toBe(false);
  });

  it('notices a binding that another program has replaced', async () => {
    await machine.setup();
    writeFileSync(machine.binding, 'npm rebuild was here');
    await machine.setup();
    expect(machine.commands).toEqual(ALL.slice(1));
    expect(machine.read(machine.binding)).toContain('compiled');
  });

  it('keeps the old binding until the new one is known to load', async () => {
    mkdirSync(path.dirname(machine.binding), {recursive: true});
    writeFileSync(machine.binding, 'works');
    machine.answer = ([program]) =>
      program === process.execPath
        ? {code: 1, stdout: '', stderr: 'Error: libtensorflow_cc.so.2: undefined symbol: TF_New'}
        : null;
    await expectAsync(machine.setup()).toBeRejectedWithError(
      'tfjs_binding.node does not load: Error: libtensorflow_cc.so.2: undefined symbol: TF_New',
    );
    expect(machine.read(machine.binding)).toBe('works');
    expect(leftovers()).toEqual([]);
  });

  it('refuses a binding of another TensorFlow', async () => {
    machine.answer = ([program]) =>
      program === process.execPath ? {code: 0, stdout: 'TF_Version 2.9.1\n', stderr: ''} : null;
    await expectAsync(machine.setup()).toBeRejectedWithError(/loads TensorFlow 2\.9\.1, not 2\./);
  });

  for (const [what, spoil] of [
    ['truncated', (wheel: string) => truncateSync(wheel, 200)],
    ['not a zip', (wheel: string) => writeFileSync(wheel, 'an error page')],
  ] as const) {
    it(`fetches a wheel anew that is ${what}`, async () => {
      machine.answer = async (command) => {
        const dest = command.find((arg) => arg.startsWith('--dest='))?.slice('--dest='.length);
        if (dest == null) return null;
        const wheel = path.join(dest, 'tensorflow_cpu-0-cp312-cp312-any.whl');
        await machine.writeWheel(wheel);
        spoil(wheel);
        return {code: 0, stdout: '', stderr: ''};
      };
      await expectAsync(machine.setup()).toBeRejectedWithError(
        /is damaged .* Run setup again to fetch it anew\.$/,
      );
      machine.answer = () => null;
      await machine.setup();
      expect(machine.commands).toEqual(ALL);
    });
  }

  it('compares every file with the checksum in the wheel', async () => {
    machine.answer = async (command) => {
      const dest = command.find((arg) => arg.startsWith('--dest='))?.slice('--dest='.length);
      if (dest == null) return null;
      const wheel = path.join(dest, 'tensorflow_cpu-0-cp312-cp312-any.whl');
      await machine.writeWheel(wheel, 'tensorflow/libtensorflow_framework.so.2');
      return {code: 0, stdout: '', stderr: ''};
    };
    await expectAsync(machine.setup()).toBeRejectedWithError(
      /damaged \(checksum of tensorflow\/libtensorflow_framework\.so\.2\)/,
    );
  });

  it("passes pip's reason on", async () => {
    machine.answer = (command) =>
      command.includes('download')
        ? {code: 1, stdout: '', stderr: 'WARNING: x\nERROR: No matching distribution found'}
        : null;
    await expectAsync(machine.setup()).toBeRejectedWithError(
      /^pip could not fetch tensorflow.*: ERROR: No matching distribution found\. Run setup again/,
    );
    expect(leftovers()).toEqual([]);
  });

  for (const [missing, message] of [
    ['pip', /^pip is missing: .*apt-get install python3-pip/],
    ['g++', /^g\+\+ is missing: .*apt-get install g\+\+/],
  ] as const) {
    it(`says how to get ${missing}`, async () => {
      machine.answer = (command) => {
        const asked = command.includes('--version');
        const pip = command.join(' ').includes('pip');
        const about = missing === 'pip' ? pip : !pip;
        return asked && about ? {code: null, stdout: '', stderr: 'ENOENT'} : null;
      };
      await expectAsync(machine.setup()).toBeRejectedWithError(message);
    });
  }

  describe('native ops', () => {
    const unit = (name: string, text: string) =>
      writeFileSync(path.join(machine.native, name), text);

    it('compiles each file once and links them', async () => {
      unit('a.cc', '// a');
      unit('b.cc', '// b');
      const first = await machine.setup();
      expect(first.nativeError).toBeNull();
      expect(machine.commands.filter((c) => c.endsWith('.o')).length).toBe(2);
      expect(machine.read(first.nativeOps!)).toContain('compiled');
      expect((await machine.setup()).changed).toBe(false);

      unit('b.cc', '// changed');
      const second = await machine.setup();
      expect(machine.commands.filter((c) => c.endsWith('.o')).length).toBe(1);
      expect(second.nativeOps).not.toBe(first.nativeOps);
    });

    it('compiles all when a header changes', async () => {
      unit('a.cc', '// a');
      unit('common.h', '// h');
      await machine.setup();
      unit('common.h', '// other');
      await machine.setup();
      expect(machine.commands.filter((c) => c.endsWith('.o')).length).toBe(1);
    });

    it('reports a failure, leaves the backend working, and does not try again in vain', async () => {
      unit('a.cc', '// a');
      machine.answer = (command) =>
        command.includes('-c') ? {code: 1, stdout: '', stderr: 'a.cc:1: error: no Foo'} : null;
      const result = await machine.setup();
      expect(result.nativeError).toBe('a.cc does not compile: a.cc:1: error: no Foo');
      expect(result.nativeOps).toBeNull();
      expect(existsSync(machine.binding)).toBe(true);

      await machine.setup();
      expect(machine.commands).toEqual([]);
      machine.answer = () => null;
      unit('a.cc', '// mended');
      expect((await machine.setup()).nativeOps).not.toBeNull();
    });

    it('does not record a library that does not load', async () => {
      unit('a.cc', '// a');
      machine.answer = ([program, , script]) =>
        program === process.execPath && script.includes('tfjs_mapl_ops')
          ? {code: 1, stdout: '', stderr: 'Error: undefined symbol'}
          : null;
      const result = await machine.setup();
      expect(result.nativeError).toBe('tfjs_mapl_ops.node does not load: Error: undefined symbol');
      expect(result.nativeOps).toBeNull();
    });
  });
});
