/** The first exchange of two neighbours: what they are, and the projector between them. */
import type {Lines} from './lines.js';
import type {ProjectorSync} from './projector_sync.js';
import type {Stage} from './stage.js';
import type {JsonValue} from './wire/index.js';

/** What all stages of a run must have the same. */
export interface SharedSettings {
  stages: number;
  schedule: string;
  microbatches: number;
  /** Name of the codec. */
  wire: string;
  vocabSize: number;
}

/** Raised when the order or the content of the frames of a step changes. */
const PROTOCOL = 1;

/**
 * Sends the next stage this one's settings and projector, and compares with what comes from the stage before.
 * @throws Error naming the first setting that differs.
 */
export async function shakeHands(
  lines: Lines,
  stage: Stage,
  projectors: ProjectorSync,
  settings: SharedSettings,
): Promise<void> {
  const {step} = lines.at;
  const shared = {protocol: PROTOCOL, ...settings, step};
  if (!stage.isLast) {
    const tensors = stage.encoder == null ? [] : [await projectors.pack()];
    const cut = {cut: stage.ends, width: widthOf(stage.model.outputs), trained: projectors.sends};
    await lines.send('next', {type: 'control', step, tensors, message: {...shared, ...cut}});
  }
  const frame = await lines.take('previous', 'control', step);
  if (frame != null) {
    const {begins, model, index} = stage;
    const cut = {cut: begins, width: widthOf(model.inputs), trained: projectors.receives};
    const got = frame.message as {[key: string]: JsonValue};
    for (const [key, value] of Object.entries({...shared, ...cut})) {
      if (got[key] !== value) {
        throw new Error(
          `stages ${index - 1} and ${index} differ in '${key}': ` +
            `${JSON.stringify(got[key])} and ${JSON.stringify(value)}`,
        );
      }
    }
    if (stage.decoder != null) {
      projectors.unpack(frame);
    }
  }
  await lines.flush();
}

function widthOf([tensor]: Array<{shape: Array<number | null>}>): number | null {
  return tensor.shape.at(-1) ?? null;
}
