/** Two setups at once, and one that died while it held the lock. */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {withLock} from '../../src/cli/setup/lock.js';

describe('withLock', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-lock-'));
    file = path.join(folder, 'setup.lock');
  });
  afterEach(() => rmSync(folder, {recursive: true}));

  const hold = (pid: number, host = os.hostname()) =>
    writeFileSync(file, JSON.stringify({pid, host}));
  const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;

  it('lets one in at a time', async () => {
    const events: string[] = [];
    const job = (name: string) =>
      withLock(file, async () => {
        events.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        events.push(`${name} ends`);
      });
    await Promise.all([job('a'), job('b')]);
    expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(existsSync(file)).toBe(false);
  });

  it('frees the lock after a failure', async () => {
    const fail = async () => {
      throw new Error('no space left');
    };
    await expectAsync(withLock(file, fail)).toBeRejectedWithError('no space left');
    expect(existsSync(file)).toBe(false);
  });

  it('takes over from a process that was killed', async () => {
    hold(deadPid());
    expect(await withLock(file, async () => 'mine')).toBe('mine');
  });

  it('takes over where no heartbeat is left, whatever machine it was', async () => {
    hold(process.pid, 'another-machine');
    const old = new Date(Date.now() - 10 * 60_000);
    utimesSync(file, old, old);
    expect(await withLock(file, async () => 'mine')).toBe('mine');
  });

  it('gives up on one that is alive, saying which file', async () => {
    hold(process.pid);
    const lines: string[] = [];
    const other = withLock(
      file,
      async () => 'mine',
      (line) => lines.push(line),
      300,
    );
    await expectAsync(other).toBeRejectedWithError(
      `Another setup holds ${file}. If none is running, delete that file.`,
    );
    expect(lines).toEqual([`another setup is running (${file}): waiting for it`]);
  });
});
