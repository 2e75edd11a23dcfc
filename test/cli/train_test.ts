import {once} from 'node:events';
import {cp, mkdir, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import {createServer, type AddressInfo} from 'node:net';
import path from 'node:path';
import {findTfjsNode, readInstall} from '../../src/backends/tensorflow_install.js';
import type {RunSummary} from '../../src/cli/run/summary.js';
import {allGone, runCli, startCli} from './support/run_cli.js';
import {stepsOf, tensorsOf, TINY, tinyFolder} from './support/tiny_run.js';

/** Process ids that the program printed. */
const pidsIn = (text: string) =>
  (/stages are processes ([\d, ]+)/.exec(text)?.[1] ?? '').split(', ').map(Number);

describe('train', () => {
  let folder: string;
  const run = (name: string) => path.join(folder, 'runs', name);
  const train = (name: string, ...more: string[]) =>
    runCli(['train', '--name', name, '--backend', 'cpu', ...TINY, ...more], folder);

  beforeAll(async () => {
    folder = await tinyFolder();
  });
  afterAll(async () => {
    await rm(folder, {recursive: true});
  });

  for (const backend of ['cpu', 'tensorflow']) {
    it(`in four processes equals one process, 50 steps, bit for bit (${backend})`, async () => {
      const tfjsNode = await findTfjsNode();
      if (backend === 'tensorflow' && (!tfjsNode || !(await readInstall(tfjsNode)))) {
        return pending('tensorflow is not set up');
      }
      const settings = ['--backend', backend, '--steps', '50', '--validate-every', '25'];
      const few = [...settings, '--checkpoint-every', '0', '--diagnostics-every', '25'];
      const four = await train(`four-${backend}`, ...few);
      const one = await train(`one-${backend}`, ...few, '--processes', '1');
      expect([four.code, one.code])
        .withContext(four.output + one.output)
        .toEqual([0, 0]);
      expect(pidsIn(four.output).length).toBe(4);
      expect(one.output).not.toContain('stages are processes');
      const steps = await stepsOf(run(`four-${backend}`));
      expect(steps.length).toBe(50);
      expect(steps).toEqual(await stepsOf(run(`one-${backend}`)));
      const last = 'checkpoints/step-000050';
      const tensors = await tensorsOf(path.join(run(`four-${backend}`), last));
      expect(Object.keys(tensors).length).toBe(12);
      expect(tensors).toEqual(await tensorsOf(path.join(run(`one-${backend}`), last)));
    });
  }

  it('writes everything a run should leave behind', async () => {
    const files = await readdir(run('four-cpu'));
    const expected = ['checkpoints', 'config.json', 'metrics.jsonl', 'report.html', 'summary.json'];
    for (const file of expected) expect(files).toContain(file);
    const read = async (file: string) => readFile(path.join(run('four-cpu'), file), 'utf8');
    const summary = JSON.parse(await read('summary.json')) as RunSummary;
    expect(summary.status).toBe('finished');
    expect(summary.steps).toBe(50);
    expect(summary.config).toEqual(JSON.parse(await read('config.json')));
    expect(summary.checkpoint).toBe('checkpoints/step-000050');
    expect(summary.loss.validation).toBeLessThan(7.5);
    expect(summary.loss.test).toBeGreaterThan(0);
    expect(summary.boundaries.map(({boundary}) => boundary)).toEqual([0, 1, 2]);
    for (const {orthogonality, capturedEnergy, startEnergy} of summary.boundaries) {
      expect(orthogonality).toBeLessThan(1e-5);
      for (const energy of [capturedEnergy, startEnergy]) {
        expect(energy).toBeGreaterThan(0);
        expect(energy).toBeLessThanOrEqual(1.00001);
      }
    }
    // A token: z 4 × 2 bytes, its id 2; per step one projector 16 × 4 × 2 bytes over 64 tokens.
    for (const {forward, backward} of summary.bytesPerToken.boundaries) {
      expect([forward, backward]).toEqual([8 + 2 + 2, 8 + 2]);
    }
    expect(await read('report.html')).not.toMatch(/https?:/);
  });

  it('takes up a stopped run where it was, and ends with the same bits', async () => {
    const settings = ['--steps', '40', '--stages', '2', '--checkpoint-every', '15'];
    const whole = await train('whole', ...settings);
    expect(whole.code).withContext(whole.output).toBe(0);

    const stopped = await startCli(
      ['train', '--name', 'stopped', '--backend', 'cpu', ...TINY, ...settings],
      folder,
    );
    await stopped.waitFor(/step 3\/40/);
    stopped.child.kill('SIGINT');
    const {code, output} = await stopped.ended;
    expect(code).withContext(output).toBe(0);
    expect(output).toMatch(/Stopping after this step/);
    const step = Number(/stopped after step (\d+)/.exec(output)?.[1]);
    expect(step).toBeGreaterThanOrEqual(3);
    expect(step).toBeLessThan(40);
    expect(await allGone(pidsIn(output))).toBeTrue();
    const name = `step-${String(step).padStart(6, '0')}`;
    expect(await readdir(path.join(run('stopped'), 'checkpoints'))).toContain(name);

    // What a crash in the middle of a checkpoint leaves, and metrics beyond the last checkpoint.
    const half = path.join(run('stopped'), 'checkpoints', 'step-000099.tmp-1-x');
    await mkdir(half);
    await writeFile(path.join(half, 'model-00001-of-00002.safetensors'), 'half');
    const resumed = await runCli(['train', '--name', 'stopped', '--resume'], folder);
    expect(resumed.code).withContext(resumed.output).toBe(0);
    expect(resumed.output).toContain(`going on after step ${step}`);
    expect(await stepsOf(run('stopped'))).toEqual(await stepsOf(run('whole')));
    const last = 'checkpoints/step-000040';
    const tensors = await tensorsOf(path.join(run('stopped'), last));
    expect(tensors).toEqual(await tensorsOf(path.join(run('whole'), last)));
    expect(await readdir(path.join(run('stopped'), 'checkpoints'))).not.toContain(
      path.basename(half),
    );
  });

  it('keeps the last checkpoints only, of which an older one can be resumed too', async () => {
    const folders = await readdir(path.join(run('whole'), 'checkpoints'));
    expect(folders.sort()).toEqual(['step-000030', 'step-000040']);
    await cp(run('whole'), run('older'), {recursive: true});
    await rm(path.join(run('older'), 'checkpoints', 'step-000040'), {recursive: true});
    const resumed = await runCli(
      ['train', '--name', 'older', '--resume', '--processes', '1'],
      folder,
    );
    expect(resumed.code).withContext(resumed.output).toBe(0);
    expect(await stepsOf(run('older'))).toEqual(await stepsOf(run('whole')));
    const last = 'checkpoints/step-000040';
    expect(await tensorsOf(path.join(run('older'), last))).toEqual(
      await tensorsOf(path.join(run('whole'), last)),
    );
  });

  it('stops with the cause and the last checkpoint when a stage is killed', async () => {
    const cli = await startCli(
      ['train', '--name', 'killed', '--backend', 'cpu', ...TINY, '--checkpoint-every', '2'],
      folder,
    );
    await cli.waitFor(/step 4: checkpoint/);
    const pids = pidsIn(cli.output());
    process.kill(pids[2], 'SIGKILL');
    const {code, output} = await cli.ended;
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`Stage 2 \\(process ${pids[2]}\\): was killed by SIGKILL`));
    expect(output).toMatch(/last good checkpoint is .*killed\/checkpoints\/step-\d+; .*--resume/);
    expect(await allGone(pids)).toBeTrue();
    const summary = await readFile(path.join(run('killed'), 'summary.json'), 'utf8');
    expect((JSON.parse(summary) as RunSummary).status).toBe('failed');
  });

  it('leaves no stage behind when it is killed itself, and can be resumed', async () => {
    const settings = ['--steps', '400', '--stages', '2', '--checkpoint-every', '2'];
    const cli = await startCli(
      ['train', '--name', 'orphans', '--backend', 'cpu', ...TINY, ...settings],
      folder,
    );
    await cli.waitFor(/step 6: checkpoint/);
    const pids = pidsIn(cli.output());
    expect(pids.length).toBe(2);
    cli.child.kill('SIGKILL');
    await cli.ended;
    expect(await allGone(pids)).toBeTrue();
    const again = await startCli(['train', '--name', 'orphans', '--resume'], folder);
    const [, from] = await again.waitFor(/going on after step (\d+)/);
    expect(Number(from)).toBeGreaterThanOrEqual(6);
    await again.waitFor(new RegExp(`step ${Number(from) + 2}: checkpoint`));
    again.child.kill('SIGTERM');
    expect((await again.ended).code).toBe(0);
  });

  it('stops at a loss that is no number, naming step and stage', async () => {
    const {code, output} = await train('nan', '--muon-learning-rate', '1e38', '--clip-norm', '0');
    expect(code).toBe(1);
    expect(output).toMatch(/Step \d+ stopped at stage \d/);
    expect(output).toMatch(/NaN|Infinity/);
    expect(output).toContain('No checkpoint had been written yet.');
  });

  it('starts from a model that was trained before', async () => {
    const from = ['--initial-model', 'runs/whole', '--stages', '2', '--steps', '1'];
    const fine = await train('from', ...from, '--processes', '1');
    expect(fine.code).withContext(fine.output).toBe(0);
    const [{loss}] = (await stepsOf(run('from'))) as Array<{loss: number}>;
    const [{loss: fresh}] = (await stepsOf(run('whole'))) as Array<{loss: number}>;
    expect(loss).toBeLessThan(fresh - 1);
    const other = await train('other', ...from, '--hidden-size', '32', '--processes', '1');
    expect(other.code).toBe(1);
    expect(other.output).toMatch(/has hidden_size 16, the configuration 32/);
  });

  it('names the flag where a stage cannot listen', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    const {code, output} = await train('deaf', '--stages', '2', '--listen', address);
    server.close();
    expect(code).toBe(1);
    const said = `--listen: cannot listen at '${address}': its port is taken, by another program`;
    expect(output).toMatch(/Stage \d \(process \d+\): --listen:/);
    expect(output).toContain(said);
    expect(output).not.toContain('node_modules');
  });

  it('refuses a checkpoint of other text', async () => {
    await cp(run('whole'), run('moved'), {recursive: true});
    await rm(path.join(run('moved'), 'checkpoints', 'step-000040'), {recursive: true});
    const text = path.join(folder, 'text.txt');
    const before = await readFile(text, 'utf8');
    await writeFile(text, `${before} More.`);
    const {code, output} = await runCli(['train', '--name', 'moved', '--resume'], folder);
    await writeFile(text, before);
    expect(code).toBe(1);
    expect(output).toMatch(
      /written by a run with other settings or other text[^]*text, its split or the tokenizer changed/,
    );
  });
});
