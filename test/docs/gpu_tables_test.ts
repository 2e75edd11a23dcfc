import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {fillInputs, peerCases, type PeerOp} from '../../benchmarks/gpu/peer_cases.js';
import {checkAgreement} from '../../benchmarks/gpu/agreement.js';
import type {GpuRow} from '../../benchmarks/gpu/gpu_row.js';
import {plannedRows} from '../../benchmarks/gpu/plan.js';
import {markdown, type GpuResults} from '../../benchmarks/gpu/report.js';

interface CudaRow {
  name: string;
  limit: number;
  measured: object | null;
  reason: string | null;
}

const file = (name: string) =>
  readFile(path.join(import.meta.dirname, '../../benchmarks/results', name), 'utf8');
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|emulator/i;

describe('committed tables of the GPU benchmarks', () => {
  it('have the rows that the WebGPU benchmark runs now', async () => {
    const {rows} = JSON.parse(await file('webgpu.json')) as GpuResults;
    const plan = ({section, name, against, atMost}: GpuRow) => ({section, name, against, atMost});
    expect(rows.map(plan)).toEqual(plannedRows(false));
  });

  it('are written from the measurements beside them', async () => {
    const results = JSON.parse(await file('webgpu.json')) as GpuResults;
    expect(await file('webgpu.md')).toBe(markdown(results));
  });

  it('hold measurements of a GPU or say that there are none', async () => {
    const {machine, quick, card, rows} = JSON.parse(await file('webgpu.json')) as GpuResults;
    expect(quick).toBeFalse();
    if (machine == null) {
      expect(card).toBeNull();
      expect(rows.filter(({measured}) => measured != null)).toEqual([]);
      expect(await file('webgpu.md')).toContain('Nothing here has been measured');
    } else {
      expect(machine.gpu).not.toMatch(SOFTWARE);
    }
    for (const {measured, reason} of rows) expect(measured == null).toBe(reason != null);
  });

  it('hold the same for CUDA, with every target', async () => {
    const {machine, rows} = JSON.parse(await file('cuda.json')) as {
      machine: {gpu: string} | null;
      rows: CudaRow[];
    };
    const text = await file('cuda.md');
    if (machine == null) {
      expect(rows.filter(({measured}) => measured != null)).toEqual([]);
      expect(text).toContain('Nothing here has been measured');
    } else {
      expect(machine.gpu).not.toMatch(SOFTWARE);
    }
    const limits = new Set(rows.map(({limit}) => limit));
    expect([...limits]).toEqual([0.8, 2, 1 / 3, 1.2]);
    for (const {name, measured, reason} of rows) {
      expect(text).toContain(`| ${name} |`);
      expect(measured == null).toBe(reason != null);
    }
  });
});

describe('GPU benchmark', () => {
  it('has nanogpt run attention, RMSNorm, RoPE, cross-entropy and the optimizer', () => {
    const ops = new Set(peerCases(false).map(({op}) => op));
    const wanted: PeerOp[] = [
      'attention',
      'attentionGrad',
      'rmsNorm',
      'rmsNormGrad',
      'rope',
      'ropeGrad',
      'crossEntropy',
      'crossEntropyGrad',
      'adamw',
      'clipFactor',
      'optimizerStep',
    ];
    expect([...ops].sort()).toEqual([...wanted].sort());
  });

  it('fills the same inputs each time', () => {
    for (const peerCase of peerCases(true)) {
      const [a, b] = [fillInputs(peerCase), fillInputs(peerCase)];
      expect(a).toEqual(b);
      for (const [name, {shape}] of Object.entries(peerCase.inputs)) {
        expect(a[name].length).toBe(shape.reduce((x, y) => x * y, 1));
        expect(a[name].every(Number.isFinite)).toBeTrue();
      }
    }
  });

  it('refuses rows whose results disagree', () => {
    const reference = [Float32Array.of(1, -4, 2)];
    expect(checkAgreement([Float32Array.of(1, -4, 2.0002)], reference, 1e-4)).toBeCloseTo(5e-5, 6);
    const disagree = /results disagree: result 0/;
    expect(() => checkAgreement([Float32Array.of(1, -4, 2.1)], reference, 1e-4)).toThrowError(
      disagree,
    );
    expect(() => checkAgreement([Float32Array.of(1, NaN, 2)], reference, 1e-4)).toThrowError(
      disagree,
    );
    expect(() => checkAgreement([Float32Array.of(1)], reference, 1e-4)).toThrowError(/1 and 3/);
    expect(() => checkAgreement([], reference, 1e-4)).toThrowError(/0 and 1 results/);
    const codes = [Int32Array.of(1, 2, 3)];
    expect(() => checkAgreement([Int32Array.of(1, 2, 4)], codes, 1)).toThrowError(disagree);
  });
});
