import {collectHealth} from '../../src/cli/launcher/collect_health.js';
import type {StageResult} from '../../src/cli/launcher/messages.js';

describe('collectHealth', () => {
  it('gives each boundary what both of its stages measured', () => {
    const results: StageResult[] = [
      {
        health: {boundary: 0, orthogonality: 1e-7, capturedEnergy: 0.5},
        legs: {'boundary.0.forward.sender.dead': 3, 'boundary.0.backward.receiver.dead': 9},
      },
      {
        health: null,
        legs: {'boundary.0.backward.sender.error': 0.25, 'boundary.1.forward.sender.dead': NaN},
      },
      {legs: {'boundary.1.backward.sender.error': 0.125}},
    ];
    expect(collectHealth(results)).toEqual([
      {
        boundary: 0,
        orthogonality: 1e-7,
        capturedEnergy: 0.5,
        codec: {'forward dead': 3, 'backward error': 0.25},
      },
      {boundary: 1, codec: {'backward error': 0.125}},
    ]);
    expect(collectHealth([{}, {health: null}])).toEqual([]);
  });
});
