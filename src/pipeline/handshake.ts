/** The first exchange of two neighbours: what they are, how they pack, and the projector between them. */
import {getMethod} from '../codecs/index.js';
import {boundarySettings} from './boundary_settings.js';
import type {Lines} from './lines.js';
import type {ProjectorSync} from './projector_sync.js';
import type {Stage} from './stage.js';
import type {JsonValue} from './wire/index.js';

/** What all stages of a run must have the same. */
export interface SharedSettings {
  stages: number;
  schedule: string;
  microbatches: number;
  /** Name of the codec of projectors. */
  wire: string;
  vocabSize: number;
  /** Seed of what codecs draw. */
  seed: number;
  /** Name of the compression method, where the run has named one. */
  method?: string;
  /** Version of that method. */
  'method, version'?: number;
}

/** What both ends must agree on of a compression method. Throws, with the nearest name, if there is none of that name. */
export function methodSettings(
  name: string | undefined,
): Pick<SharedSettings, 'method' | 'method, version'> {
  return name == null ? {} : {method: name, 'method, version': getMethod(name).version};
}

type Settings = {[key: string]: JsonValue | undefined};

/** Raised when the order or the content of the frames of a step changes. */
const PROTOCOL = 3;

/** Name of the number of values a token that cross: the rank of a boundary, the width of a plain activation. */
const RANK = 'rank, or width of a plain cut';

/**
 * Sends the next stage this one's settings and projector, and compares with what comes from the stage before.
 *
 * @param legs What both ends of the legs must agree on: codecs, versions, options.
 * @throws Error naming the first setting that differs.
 */
export async function shakeHands(
  lines: Lines,
  stage: Stage,
  projectors: ProjectorSync,
  settings: SharedSettings,
  legs: Settings,
): Promise<void> {
  const {step} = lines.at;
  const shared = {protocol: PROTOCOL, ...settings, step};
  if (!stage.isLast) {
    const tensors = stage.encoder == null ? [] : [await projectors.pack()];
    const projector = kindOf(stage.encoder, projectors.sends);
    const cut = {cut: stage.ends, [RANK]: widthOf(stage.model.outputs), projector};
    const message = {...shared, ...cut, boundary: boundarySettings(stage.sends), legs};
    await lines.send('next', {type: 'control', step, tensors, message});
  }
  const frame = await lines.take('previous', 'control', step);
  if (frame != null) {
    const {begins, model, index} = stage;
    const projector = kindOf(stage.decoder, projectors.receives);
    const cut = {cut: begins, [RANK]: widthOf(model.inputs), projector};
    const own = {...shared, ...cut, ...boundarySettings(stage.receives), ...legs};
    const {boundary, legs: packed, ...rest} = frame.message as Record<'boundary' | 'legs', object>;
    compare(index, {...rest, ...boundary, ...packed}, own);
    if (stage.decoder != null) {
      projectors.unpack(frame);
    }
  }
  await lines.flush();
}

/** Throws, naming it, at the first setting that only one end has or that has another value on the other. */
function compare(index: number, theirs: Settings, own: Settings): void {
  for (const key of new Set([...Object.keys(own), ...Object.keys(theirs)])) {
    const [a, b] = [theirs[key], own[key]].map((value) => JSON.stringify(value) ?? 'nothing');
    if (a !== b) {
      throw new Error(`stages ${index - 1} and ${index} differ in '${key}': ${a} and ${b}`);
    }
  }
}

/** Whether a boundary's half has a projector, and one that changes. */
function kindOf(half: object | null, trained: boolean): string {
  return half == null ? 'none' : trained ? 'trained' : 'fixed';
}

function widthOf([tensor]: Array<{shape: Array<number | null>}>): number | null {
  return tensor.shape.at(-1) ?? null;
}
