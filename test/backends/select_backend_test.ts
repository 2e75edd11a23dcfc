/** Which backend is chosen, and what is said about it. */
import type {Backend, Device} from '../../src/backends/index.js';
import {selectBackend} from '../../src/backends/index.js';
import {deviceOf} from '../../src/backends/webgpu.js';

/** Backends that claim to run on a device, or fail with a reason; `up` can fail on its own. */
function fakes(
  devices: Record<string, Device | Error>,
  broken: Record<string, string> = {},
): {backends: Record<string, Backend>; ups: string[]} {
  const ups: string[] = [];
  const backends: Record<string, Backend> = {};
  for (const [name, device] of Object.entries(devices)) {
    backends[name] = {
      name,
      probe: async () => {
        if (device instanceof Error) throw device;
        return device;
      },
      up: async () => {
        ups.push(name);
        if (device instanceof Error) throw device;
        if (broken[name]) throw new Error(broken[name]);
        return {name, device, description: `${name} library`};
      },
    };
  }
  return {backends, ups};
}

describe('selectBackend', () => {
  const cases: [string, Record<string, Device | Error>, string][] = [
    ['TensorFlow on a GPU over all', {tensorflow: 'gpu', webgpu: 'gpu', wasm: 'cpu'}, 'tensorflow'],
    ['WebGPU on a GPU over TensorFlow on the CPU', {tensorflow: 'cpu', webgpu: 'gpu'}, 'webgpu'],
    ['TensorFlow over emulated WebGPU', {tensorflow: 'cpu', webgpu: 'software'}, 'tensorflow'],
    ['TensorFlow over wasm', {tensorflow: 'cpu', wasm: 'cpu', cpu: 'cpu'}, 'tensorflow'],
    ['wasm over emulated WebGPU', {webgpu: 'software', wasm: 'cpu', cpu: 'cpu'}, 'wasm'],
    ['emulated WebGPU over cpu', {webgpu: 'software', cpu: 'cpu'}, 'webgpu'],
    ['WebGL over cpu', {webgl: 'gpu', cpu: 'cpu'}, 'webgl'],
    ['cpu when nothing else is there', {wasm: new Error('no WebAssembly'), cpu: 'cpu'}, 'cpu'],
  ];
  for (const [what, devices, expected] of cases) {
    it(`takes ${what}`, async () => {
      const {backends, ups} = fakes(devices);
      const {name, why} = await selectBackend({backends});
      expect(name).toBe(expected);
      expect(why).not.toBe('');
      expect(ups).toEqual([expected]);
    });
  }

  it('says why faster ones were passed over', async () => {
    const {backends} = fakes({
      tensorflow: new Error('tfjs-node is not installed.'),
      webgpu: 'software',
      wasm: 'cpu',
      cpu: 'cpu',
    });
    const {name, rejected} = await selectBackend({backends});
    expect(name).toBe('wasm');
    expect(rejected).toEqual([
      {name: 'tensorflow', reason: 'tfjs-node is not installed.'},
      {name: 'webgpu', reason: 'it runs on an emulated GPU here'},
    ]);
  });

  it('goes on when a backend turns out not to start', async () => {
    const {backends} = fakes({tensorflow: 'cpu', wasm: 'cpu'}, {tensorflow: 'library is damaged'});
    const {name, rejected} = await selectBackend({backends});
    expect(name).toBe('wasm');
    expect(rejected).toEqual([{name: 'tensorflow', reason: 'library is damaged'}]);
  });

  it('takes the one asked for, though a faster one is there', async () => {
    const {backends, ups} = fakes({tensorflow: 'gpu', cpu: 'cpu'});
    expect((await selectBackend({backends, prefer: 'cpu'})).name).toBe('cpu');
    expect(ups).toEqual(['cpu']);
  });

  it('does not fall back from the one asked for', async () => {
    const {backends} = fakes({webgpu: new Error('WebGPU has no adapter here.'), cpu: 'cpu'});
    await expectAsync(selectBackend({backends, prefer: 'webgpu'})).toBeRejectedWithError(
      "backend 'webgpu' does not work here: WebGPU has no adapter here.",
    );
  });

  it('names the known backends when asked for another', async () => {
    await expectAsync(selectBackend({prefer: 'cuda'})).toBeRejectedWithError(
      "backend 'cuda' is not known; expected one of tensorflow, webgpu, wasm, webgl, cpu.",
    );
  });

  it('refuses what it would ignore', async () => {
    const untyped = selectBackend as (options: unknown) => Promise<unknown>;
    await expectAsync(untyped('wasm')).toBeRejectedWithError(
      "selectBackend: the argument is 'wasm', expected an object, for instance selectBackend({prefer: 'wasm'}).",
    );
    await expectAsync(untyped({backend: 'wasm'})).toBeRejectedWithError(/unknown key 'backend'/);
  });

  it('fails with all reasons when none works', async () => {
    const {backends} = fakes({wasm: new Error('no WebAssembly.'), cpu: new Error('broken.')});
    await expectAsync(selectBackend({backends})).toBeRejectedWithError(
      'No backend of TensorFlow.js works here. wasm: no WebAssembly. cpu: broken.',
    );
  });
});

describe('deviceOf', () => {
  const info = {vendor: '', architecture: '', device: '', description: ''};
  it('tells software from GPUs', () => {
    expect(deviceOf({info: {...info, vendor: 'nvidia', architecture: 'hopper'}})).toBe('gpu');
    expect(deviceOf({info: {...info, architecture: 'swiftshader'}})).toBe('software');
    expect(deviceOf({info: {...info, description: 'llvmpipe (LLVM 15)'}})).toBe('software');
    expect(deviceOf({info, isFallbackAdapter: true})).toBe('software');
    expect(deviceOf({info: {...info, isFallbackAdapter: true}})).toBe('software');
  });
});
