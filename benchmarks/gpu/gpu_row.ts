/** A line of the tables: what is compared, and what came out if it was measured. */

/** Which table a row belongs to. */
export type Section = 'step' | 'nanogpt' | 'composed';

/** A comparison, known without a GPU. */
export interface PlannedRow {
  section: Section;
  /** What runs, with its sizes. */
  name: string;
  /** What it is compared with, and how the results must agree. */
  against: string;
  /** Largest `ours / peer` that is aimed at, or null where the comparison is only told. */
  atMost: number | null;
}

/** What a run found. */
export interface Measured {
  /** Medians of interleaved batches, milliseconds. */
  ours: number;
  peer: number;
  /** `ours / peer`: below 1 is in our favour. */
  ratio: number;
  /** Largest difference of the results, as a part of the largest value. */
  difference?: number;
  /** Bytes moved or arithmetic done by ours, per second. */
  rate?: string;
  /** `rate` as a part of what the card reaches. */
  share?: number;
}

/** A row of the results. */
export interface GpuRow extends PlannedRow {
  measured: Measured | null;
  /** Why there is no measurement, else null. */
  reason: string | null;
}

/** A row and the program that measures it. */
export interface GpuCase {
  plan: PlannedRow;
  /** Notes go to the end of the tables. */
  measure(notes: string[]): Promise<Measured>;
}

/** What every row says before a GPU was there. */
export const NO_GPU = 'no GPU so far';

/** What the rows say that `--only` leaves out. */
export const LEFT_OUT = 'left out by --only';

/** What the rows say that a run was ended before. */
export const NOT_REACHED = 'the run ended before';

/** Rounds what is told. */
export function measured(ours: number, peer: number, more: Partial<Measured> = {}): Measured {
  const round = (value: number) => Number(value.toPrecision(4));
  return {ours: round(ours), peer: round(peer), ratio: round(ours / peer), ...more};
}
