import type {BoundaryHealth} from '../run/records.js';
import type {RunSummary} from '../run/summary.js';
import {methodName, type TextTable} from './comparison.js';
import {formatNumber, formatShare, formatTiny} from './format.js';

/** A column of the table: its heading and what it says of a boundary, `undefined` where that was not measured. */
type Column = [head: string, cell: (health: BoundaryHealth) => string | undefined];

const known = <T>(value: T | null | undefined, format: (value: T) => string) =>
  value == null ? undefined : format(value);

const COLUMNS: Column[] = [
  ['‖AᵀA−I‖₂', ({orthogonality}) => known(orthogonality, formatTiny)],
  ['Captured energy', ({capturedEnergy}) => known(capturedEnergy, formatShare)],
  ['Random start', ({startEnergy}) => known(startEnergy, formatShare)],
  ['Rank for 90 %', ({rank90}) => known(rank90, String)],
  ['99 %', ({rank99}) => known(rank99, String)],
  [
    'Angle to the one before',
    ({angles}) =>
      known(angles, ({mean, largest}) => `${mean.toFixed(1)}° (to ${largest.toFixed(1)}°)`),
  ],
  ['Token cosines', ({tokenCosines}) => known(tokenCosines, (r) => r.toFixed(3))],
];

/** The columns of what codecs measure of themselves, under the names they give. */
function codecColumns(healths: BoundaryHealth[]): Column[] {
  const names = new Set(healths.flatMap(({codec}) => Object.keys(codec ?? {})));
  return [...names].map((name) => [name, ({codec}) => known(codec?.[name], formatNumber)]);
}

/**
 * The state of every boundary of the runs that have some measured. Columns that nothing was measured for are left out.
 *
 * @param runs Summaries.
 */
export function boundaryTable(runs: RunSummary[]): TextTable {
  const healths = runs.flatMap((run) => run.boundaries);
  const columns = [...COLUMNS, ...codecColumns(healths)].filter(([, cell]) =>
    healths.some((health) => cell(health) != null),
  );
  return {
    head: ['Run', 'Boundary', ...columns.map(([head]) => head), 'Bytes/token forward', 'backward'],
    rows: runs.flatMap((run) =>
      run.boundaries.map((health) => {
        const {boundary} = health;
        const bytes = run.bytesPerToken.boundaries[boundary];
        return [
          methodName(run),
          `${boundary} → ${boundary + 1}`,
          ...columns.map(([, cell]) => cell(health) ?? ''),
          formatNumber(bytes.forward),
          formatNumber(bytes.backward),
        ];
      }),
    ),
  };
}
