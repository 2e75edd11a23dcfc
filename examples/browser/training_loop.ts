/** Steps, measurements, samples and saves, one after the other, until the visitor pauses or something breaks. */
import type {RunningBackend} from './backends.js';
import type {BoundaryHealth} from './boundary_health.js';
import {asDeviceError} from './faults.js';
import type {History, Point} from './history.js';
import type {Session} from './session.js';
import {yieldToPage} from './yield_to_page.js';

/** Milliseconds of steps before the page gets its turn: less than a frame. */
const SLICE = 12;
/** Milliseconds between looks at the boundaries, each of which costs a forward pass. */
const MEASURE_EVERY = 2000;
/** Milliseconds between saves: what a tab that dies can lose. */
const SAVE_EVERY = 20_000;

/** Milliseconds that a GPU may take to say it is lost. */
const NEWS = 500;

/** What the loop tells the page. */
export interface LoopEvents {
  step(point: Point): void;
  boundaries(health: BoundaryHealth[]): void;
  /** Writes a sample, through {@link Session.sample}. */
  sample(): Promise<void>;
  /** Every so many steps a sample is due; 0 for never. */
  sampleEvery(): number;
  /** Stores the run. Must not throw: training goes on without storage. */
  save(): Promise<void>;
}

export class TrainingLoop {
  private pausing = false;
  private sampleWanted = false;
  private saveWanted = false;

  constructor(
    private readonly session: Session,
    private readonly backend: RunningBackend,
    private readonly history: History,
    private readonly events: LoopEvents,
  ) {}

  /** Ends {@link run} after the step it is in. */
  pause(): void {
    this.pausing = true;
  }

  /** Asks for a sample between two steps. */
  wantSample(): void {
    this.sampleWanted = true;
  }

  /** Asks for a save between two steps. */
  wantSave(): void {
    this.saveWanted = true;
  }

  /**
   * Trains until {@link pause}, then stores the run.
   *
   * @throws Error of a step, or a `DeviceError` when the GPU goes away in the middle of anything
   */
  async run(): Promise<void> {
    const {session, events} = this;
    const {context, batchSize} = session.settings;
    const tokens = context * batchSize;
    let turn = performance.now();
    let measured = -Infinity;
    let saved = turn;
    // Mean time of a step, so that the curve of the speed does not jump with every frame.
    let mean = 0;
    for (let done = 1; !this.pausing; done++) {
      const start = performance.now();
      const loss = await this.guard(session.trainStep());
      const now = performance.now();
      // The first steps compile programs: they would hide the rest of the curve.
      mean += Math.max(1 / done, 0.2) * (now - start - mean);
      events.step(this.history.add(session.step, loss, (1000 * tokens) / mean));
      if (now - measured > MEASURE_EVERY) {
        events.boundaries(await this.guard(session.measureBoundaries()));
        measured = performance.now();
      }
      const every = events.sampleEvery();
      if (this.sampleWanted || (every > 0 && session.step % every === 0)) {
        this.sampleWanted = false;
        await this.guard(events.sample());
      }
      if (this.saveWanted || now - saved > SAVE_EVERY) {
        this.saveWanted = false;
        await this.guard(events.save());
        saved = performance.now();
      }
      if (performance.now() - turn > SLICE) {
        await yieldToPage();
        turn = performance.now();
      }
    }
    events.boundaries(await this.guard(session.measureBoundaries()));
    await this.guard(events.save());
  }

  /** `work`, unless the device goes away first: then some backends would never answer, and others answer with zeros. */
  guard<T>(work: Promise<T>): Promise<T> {
    return guarded(work, this.backend);
  }
}

/** As {@link TrainingLoop.guard}, outside a loop. */
export async function guarded<T>(work: Promise<T>, backend: RunningBackend): Promise<T> {
  try {
    const result = await Promise.race([work, backend.lost]);
    backend.check();
    return result;
  } catch (error) {
    // The work may fail before the news of the device arrives, which is the better explanation.
    await Promise.race([backend.lost, new Promise((resolve) => setTimeout(resolve, NEWS))]);
    throw asDeviceError(error);
  }
}
