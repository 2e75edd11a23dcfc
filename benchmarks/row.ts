/** A line of the results. */

/** One comparison. Less is better for `ours` and `peer`, so a ratio below 1 is in our favour. */
export interface Row {
  /** What is compared, the peer included: `step tensorflow vs torch`. */
  name: string;
  /** Median of our runs. */
  ours: number;
  /** Median of the peer's runs, interleaved with ours. */
  peer: number;
  unit: string;
  /** `ours / peer`. */
  ratio: number;
}

/** What a benchmark gives: rows, and in words what was run and what could not be. */
export interface Outcome {
  rows: Row[];
  notes: string[];
}

/** A comparison that `run.ts` knows. */
export interface Benchmark {
  /** `--only` takes it. */
  group: string;
  /** Of the row, or of the first one. */
  name: string;
  run(options: BenchmarkOptions): Promise<Outcome>;
}

/** What is the same for all benchmarks of a run. */
export interface BenchmarkOptions {
  /** Threads of both sides. */
  threads: number;
  /** Measured runs of each side; benchmarks that take long run fewer. */
  rounds: number;
}

/** Compares medians. */
export function row(name: string, unit: string, ours: number[], peer: number[]): Row {
  const [a, b] = [median(ours), median(peer)];
  return {name, ours: round(a), peer: round(b), unit, ratio: round(a / b)};
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
