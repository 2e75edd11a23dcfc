import * as vega from 'vega';
import {compile, type TopLevelSpec} from 'vega-lite';
import type {CellResult} from './aggregate.js';
import type {Preset} from './preset.js';

type Leg = 'forward' | 'backward' | 'total';

const LEGS: Record<Leg, string> = {
  forward: 'bytes a token and boundary, forward',
  backward: 'bytes a token and boundary, backward',
  total: 'bytes a token and boundary, both legs',
};

/** Points that no other beats in both loss and bytes, by rising bytes. */
export function paretoFront<T extends {bytes: number; loss: number}>(points: readonly T[]): T[] {
  const sorted = [...points].sort((a, b) => a.bytes - b.bytes || a.loss - b.loss);
  let best = Infinity;
  return sorted.filter(({loss}) => {
    const better = loss < best;
    best = Math.min(best, loss);
    return better;
  });
}

/** Loss against bytes as an SVG: each point a row, its bar the seeds' range, the line those that no other beats. */
export async function paretoPlot(
  results: readonly CellResult[],
  preset: Preset,
  stages: number,
  leg: Leg,
): Promise<string> {
  const points = results
    .filter((cell) => cell.stages === stages)
    .map(({row, test, bytesPerToken}) => ({
      label: preset.rows[row].label,
      bytes: bytesPerToken[leg],
      loss: test.mean,
      low: test.min,
      high: test.max,
    }));
  const x = {
    field: 'bytes',
    type: 'quantitative',
    title: LEGS[leg],
    scale: {type: 'log', nice: false, padding: 40},
  };
  const y = {
    field: 'loss',
    type: 'quantitative',
    title: 'test loss, nats a token',
    scale: {zero: false},
  };
  const spec = {
    width: 640,
    height: 420,
    background: 'white',
    title: `${preset.title}: ${stages} stages`,
    layer: [
      {
        data: {values: paretoFront(points)},
        mark: {type: 'line', color: '#9aa5b1', strokeDash: [4, 3]},
        encoding: {x, y},
      },
      {
        data: {values: points},
        mark: {type: 'rule', color: '#0b7dda'},
        encoding: {x, y: {...y, field: 'low'}, y2: {field: 'high'}},
      },
      {
        data: {values: points},
        mark: {type: 'point', filled: true, size: 60, color: '#0b7dda'},
        encoding: {x, y},
      },
      {
        data: {values: points},
        mark: {type: 'text', align: 'left', dx: 7, dy: -5, fontSize: 11},
        encoding: {x, y, text: {field: 'label'}},
      },
    ],
  };
  return draw(spec as unknown as TopLevelSpec);
}

/** Validation loss by step, the mean over seeds, a line a row. */
export async function curvePlot(
  curves: ReadonlyArray<{label: string; step: number; loss: number}>,
  title: string,
): Promise<string> {
  const spec = {
    width: 640,
    height: 420,
    background: 'white',
    title,
    data: {values: curves},
    mark: {type: 'line', point: {size: 18}},
    encoding: {
      x: {field: 'step', type: 'quantitative', title: 'optimizer steps'},
      y: {
        field: 'loss',
        type: 'quantitative',
        aggregate: 'mean',
        title: 'validation loss, nats a token',
        scale: {zero: false},
      },
      color: {field: 'label', type: 'nominal', title: null},
    },
  };
  return draw(spec as unknown as TopLevelSpec);
}

async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), {renderer: 'none'});
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
