/** What doctor finds, and what it tells people. */
import * as tf from '@tensorflow/tfjs-core';
import {doctor, printDoctor, type DoctorReport} from '../../src/cli/doctor.js';
import {probe, startProbe} from '../../src/cli/doctor_probe.js';
import {whyNoNativeOps} from '../../src/cli/doctor_kernels.js';
import type {CommandResult} from '../../src/cli/setup/run_command.js';

const ok = (stdout: string): CommandResult => ({code: 0, stdout, stderr: ''});

/** The backend that the suite runs on is put back: the specs of other files need it. */
async function keepingBackend<T>(body: () => Promise<T>): Promise<T> {
  const name = tf.getBackend();
  try {
    return await body();
  } finally {
    await tf.setBackend(name);
  }
}

describe('doctor', () => {
  it('measures a backend and knows which kernels are composed', async () => {
    const report = await keepingBackend(() => probe('cpu'));
    expect(report.works).toBe(true);
    expect(report.gflops!).toBeGreaterThan(0);
    expect([...report.fast, ...report.composed].sort()).toContain('BoundaryEncode');
  });

  it('passes the reason on where a backend does not work', async () => {
    const report = await keepingBackend(() => probe('cuda'));
    expect(report.works).toBe(false);
    expect(report.reason).toMatch(/^backend 'cuda' is not known/);
  });

  it('survives a backend that takes its process down', async () => {
    const run = async () => ({code: null, stdout: '', stderr: 'free(): invalid pointer\n'});
    const report = await startProbe('tensorflow', run);
    expect(report.works).toBe(false);
    expect(report.reason).toBe('its process ended early: free(): invalid pointer');
  });

  it('tries every backend in a process of its own and looks for programs', async () => {
    const probed: string[] = [];
    const report = await doctor(async (command, options) => {
      const name = options?.env?.TFJS_MAPL_PROBE;
      if (name != null) {
        expect(command[0]).toBe(process.execPath);
        expect(command.at(-1)).toBe('doctor');
        probed.push(name);
        return ok(`noise\ntfjs-mapl probe: ${JSON.stringify({name, works: false})}\n`);
      }
      return command[0] === 'c++' ? ok('c++ 12\nmore') : {code: null, stdout: '', stderr: ''};
    });
    expect(probed).toEqual(['tensorflow', 'webgpu', 'wasm', 'cpu']);
    expect(report.tools.map(({version}) => version)).toEqual(['c++ 12', null, null]);
  });

  it('tells why TensorFlow has none of our ops', () => {
    const works = {name: 'tensorflow', works: true, description: '', gflops: 1, reason: ''};
    const on = (device: 'cpu' | 'gpu', fast: string[] = []) => [
      {...works, device, fast, composed: ['RmsNorm']},
    ];
    expect(whyNoNativeOps(on('cpu'), null)).toMatch(/^not built. .*: npx tfjs-mapl setup$/);
    expect(whyNoNativeOps(on('gpu'), '/ops.node')).toMatch(/^built without CUDA. .*setup --gpu$/);
    expect(whyNoNativeOps(on('cpu'), '/ops.node')).toMatch(/^\/ops.node cannot be loaded/);
    expect(whyNoNativeOps(on('cpu', ['SwiGLU']), '/ops.node')).toBeNull();
    expect(whyNoNativeOps([], null)).toBeNull();
  });

  it('tells people what works, how fast, and how to get the rest', () => {
    const report: DoctorReport = {
      node: 'v22.0.0',
      platform: 'linux x64',
      cores: 2,
      memoryGB: 8,
      backends: [
        {
          name: 'wasm',
          works: true,
          description: 'WebAssembly, SIMD',
          device: 'cpu',
          gflops: 28.4,
          fast: ['RmsNorm'],
          composed: ['SwiGLU', 'PolarFactor'],
          reason: '',
        },
        {
          name: 'tensorflow',
          works: false,
          description: '',
          device: null,
          gflops: null,
          fast: [],
          composed: [],
          reason: 'tfjs-node is not installed. Run: npx tfjs-mapl setup',
        },
      ],
      tools: [
        {name: 'g++', version: null, use: 'apt-get install g++'},
        {name: 'pip', version: 'pip 23', use: ''},
      ],
      tensorflow: null,
      nativeOps: null,
    };
    const lines: string[] = [];
    printDoctor(report, (text) => lines.push(text));
    const text = lines.join('\n');
    expect(text).toContain('Node v22.0.0, linux x64, 2 cores, 8 GB of memory');
    expect(text).toMatch(/wasm .* WebAssembly, SIMD, on cpu .* 28 .* 1 of 3/);
    expect(text).toContain('tensorflow: tfjs-node is not installed. Run: npx tfjs-mapl setup');
    expect(text).toMatch(/kernel .* wasm *│?\n/);
    expect(text).toMatch(/RmsNorm .* wasm/);
    expect(text).toMatch(/SwiGLU .* composed/);
    expect(text).not.toMatch(/kernel .* tensorflow/);
    expect(text).toContain('g++: missing; apt-get install g++');
    expect(text).toContain('pip: pip 23');
  });
});
