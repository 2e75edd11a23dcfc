/** State of leg codecs in checkpoints: `legs-…` files, and in `trainer_state.json` which codec it is of. */
import type {LegEnd, LegState} from '../codecs/leg.js';
import {getLegCodec} from '../codecs/leg_registry.js';
import {openFolder, type TensorToWrite} from '../io/index.js';
import {WeightFiles} from '../models/llama/weight_files.js';
import type {JsonValue} from './wire/index.js';

/** What a leg's state belongs to. */
export interface LegIdentity {
  codec: string;
  version: number;
  settings: {[key: string]: JsonValue};
}

/** One end of a leg, as checkpoints name it. */
export interface SavableLeg {
  /** `boundary.<number>.<direction>.<sender or receiver>` */
  name: string;
  identity: LegIdentity;
  end: LegEnd;
}

/** What a checkpoint has of an end: what it is of, and how many entries. */
export type SavedLeg = LegIdentity & {entries: number};

/** State of a stage's ends, ready to be written, and what `trainer_state.json` says of it. */
export async function legTensors(
  legs: readonly SavableLeg[],
): Promise<{tensors: TensorToWrite[]; saved: {[name: string]: SavedLeg}}> {
  const tensors: TensorToWrite[] = [];
  const saved: {[name: string]: SavedLeg} = {};
  for (const {name, identity, end} of legs) {
    const state = await end.state?.();
    if (state == null) {
      continue;
    }
    saved[name] = {...identity, entries: Object.keys(state).length};
    for (const [entry, {dtype, shape, values}] of Object.entries(state)) {
      const kind = dtype === 'int32' ? 'I32' : 'F32';
      tensors.push({name: `${name}/${entry}`, dtype: kind, shape, data: values});
    }
  }
  return {tensors, saved};
}

/**
 * Hands each end the state that a checkpoint has of it. Ends without state take from any checkpoint.
 *
 * @param saved What `trainer_state.json` says of legs.
 * @param files The `legs-…` files of the checkpoint.
 * @throws Error naming the end: its state is missing, or is of another codec, version or setting.
 */
export async function loadLegs(
  folder: string,
  legs: readonly SavableLeg[],
  saved: {[name: string]: SavedLeg},
  names: string[],
): Promise<void> {
  const own = legs.filter(({end}) => end.setState != null);
  if (own.length === 0) {
    return;
  }
  own.forEach((leg) => checkSaved(folder, leg, saved[leg.name]));
  const files = await WeightFiles.openFiles(openFolder(folder), names);
  try {
    for (const {name, end} of own) {
      const state: LegState = {};
      const tensors = files.names().filter((tensor) => tensor.startsWith(`${name}/`));
      if (tensors.length !== saved[name].entries) {
        throw new Error(
          `${folder}: the legs-… files have ${tensors.length} entries of '${name}', ` +
            `expected ${saved[name].entries}: a file is missing or of another checkpoint.`,
        );
      }
      for (const tensor of tensors) {
        const reader = files.reader(tensor)!;
        const {shape, dtype} = reader.entry(tensor);
        state[tensor.slice(name.length + 1)] =
          dtype === 'I32'
            ? {dtype: 'int32', shape, values: await reader.int32(tensor)}
            : {dtype: 'float32', shape, values: await reader.float32(tensor)};
      }
      end.setState!(state);
    }
  } finally {
    await files.close();
  }
}

function checkSaved(folder: string, {name, identity}: SavableLeg, found?: SavedLeg): void {
  const advice = 'resume with the codecs and the number of stages that the run began with';
  if (found == null) {
    throw new Error(
      `${folder} has no state of '${name}', which codec '${identity.codec}' needs: ${advice}.`,
    );
  }
  const parts = (of: LegIdentity): {[key: string]: JsonValue} => ({
    codec: of.codec,
    version: of.version,
    ...of.settings,
  });
  const [mine, theirs] = [parts(identity), parts(withDefaults(found, identity))];
  const key = [...Object.keys(mine), ...Object.keys(theirs)].find(
    (k) => JSON.stringify(mine[k]) !== JSON.stringify(theirs[k]),
  );
  if (key != null) {
    throw new Error(
      `${folder}: the state of '${name}' is of ${key} ${JSON.stringify(theirs[key])}, ` +
        `expected ${JSON.stringify(mine[key])}: ${advice}.`,
    );
  }
}

/** What was saved, by the same codec as now, with the defaults of options that came since. */
function withDefaults(found: SavedLeg, {codec, version}: LegIdentity): LegIdentity {
  if (found.codec !== codec || found.version !== version) return found;
  try {
    return {codec, version, settings: getLegCodec(codec).create(found.settings).settings};
  } catch {
    // An option that is no more, which the comparison names; or a codec whose settings are not its options.
    return found;
  }
}
