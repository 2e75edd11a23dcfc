import type {LegSpec} from '../../codecs/leg.js';
import {energyAtRank} from '../../diagnostics/spectrum.js';
import {openFolder} from '../../io/index.js';
import {readConfig} from '../../models/llama/load_llama.js';
import {stageCount} from '../config/check_config.js';
import {parseConfig} from '../config/load_config.js';
import type {RunConfig} from '../config/schema.js';
import {formatNumber, formatShare} from '../report/format.js';
import {terminalTable} from '../report/terminal_table.js';
import {findModelFolder} from '../training/find_model.js';
import {loadText} from '../training/load_text.js';
import {bringUpBackend} from '../training/open_model.js';
import {candidates} from './candidates.js';
import {choose, type Weighed} from './choose.js';
import {codecError} from './codec_error.js';
import {probeRun} from './probe_run.js';
import {stepCost, type RunShape} from './step_costs.js';

/** What the choice is made by. */
export interface AutoRankOptions {
  /** Seconds that all stages together compute for one step; measured where absent. */
  stepSeconds?: number;
  /** Share of a step that bytes may cost. */
  hideShare: number;
  /** The `compression` section as the user wrote it, without the rank. */
  given: Record<string, unknown>;
  log: (line: string) => void;
}

/**
 * Picks rank and codecs for a run's link (`--auto-rank`): of the settings whose bytes cost no more than `hideShare` of a step,
 * the one that keeps most energy of the activations. See `stepCost` for the time of a step. Energy is that of the best projector
 * of a rank, measured on the model the run starts from, or on a new one after 20 steps, without anchors, times what the codec
 * keeps of vectors of that spectrum. Prints what it weighed.
 *
 * @param config The run; its rank does not matter.
 * @return The configuration with `compression` filled in.
 * @throws Error without a link, with a single stage, with a model that has boundaries already.
 */
export async function autoRank(config: RunConfig, options: AutoRankOptions): Promise<RunConfig> {
  const {given, hideShare, log} = options;
  const {model, pipeline, training, network, compression} = config;
  const {link} = network;
  const stages = stageCount(config);
  if (link === null) {
    throw new Error('--auto-rank needs to know the link (network.link): --link 20mbit,40ms.');
  }
  if (stages === 1) {
    throw new Error('--auto-rank is for more than one stage: pipeline.stages is 1.');
  }
  if (model.initialModel !== null) {
    const source = await readConfig(openFolder(await findModelFolder(model.initialModel)));
    if (source.mapl != null) {
      throw new Error(
        `--auto-rank: model.initialModel '${model.initialModel}' has boundaries already; their rank is what it is.`,
      );
    }
  }
  const list = candidates(config, given);
  const text = await loadText(config, log);
  await bringUpBackend(config.backend.backend, config.backend.threads ?? undefined);
  const known = options.stepSeconds ?? null;
  const blind = known !== null && model.initialModel === null;
  if (!blind) log('--auto-rank: measuring the model without compression');
  const probe = blind ? null : await probeRun(config, text, known === null);
  const even = new Float64Array(model.hiddenSize).fill(1 / model.hiddenSize);
  const spectrum = probe?.spectrum ?? even;
  const stepSeconds = known ?? (probe?.stepSeconds as number);
  const run: RunShape = {
    stages,
    microbatches: pipeline.microbatches,
    schedule: pipeline.schedule,
    tokens: training.batchSize * training.context,
    hiddenSize: model.hiddenSize,
    vocabSize: text.tokenizer.vocabSize,
    wire: pipeline.wire,
    stepSeconds,
    link,
  };
  const errors = new Map<string, Promise<number>>();
  const errorOf = (spec: LegSpec, width: number) => {
    const key = JSON.stringify([spec, width]);
    const found = errors.get(key) ?? codecError(spec, spectrum.subarray(0, width));
    errors.set(key, found);
    return found;
  };
  const weighed: Weighed[] = [];
  for (const candidate of list) {
    const {width, forward} = candidate.crossed;
    const cost = stepCost(run, candidate.crossed);
    const kept = energyAtRank(spectrum, width) * (1 - (await errorOf(forward, width)));
    weighed.push({candidate, cost, kept: Math.max(0, kept)});
  }
  const {best, hides} = choose(weighed, hideShare);
  log(
    `--auto-rank: ${formatNumber(link.mbps)} Mbit/s and ${link.delayMs} ms between ${stages} stages, ` +
      `${run.tokens} tokens a step in ${run.microbatches} microbatches (${run.schedule}), ` +
      `${formatNumber(stepSeconds)} s of compute a step (${known === null ? 'measured' : 'given'})`,
  );
  log(
    probe === null
      ? 'Energy: as if it were spread evenly, since the model is new and no step was made.'
      : `Energy: of the activations ${probe.steps ? `after ${probe.steps} steps` : 'of the model'}, ` +
          'by the best projector without anchors, less what the codec loses.',
  );
  log(terminalTable(reasoning(weighed, best)));
  const {label} = best.candidate;
  log(
    hides
      ? `--auto-rank takes ${label}: it keeps most among those whose bytes cost at most ${formatShare(hideShare)} of a step.`
      : `--auto-rank takes ${label}, the fastest: no setting's bytes hide behind compute ` +
          `(at most ${formatShare(hideShare)} of a step); larger batches or a faster link would help.`,
  );
  const picked = {...compression, ...best.candidate.compression};
  return parseConfig({...config, compression: picked}, '--auto-rank');
}

/** The table of everything that was weighed. */
function reasoning(list: Weighed[], best: Weighed) {
  return {
    head: [
      ...['', 'Setting', 'Bytes/token forward', 'backward', 'Energy kept', 'Seconds/step'],
      ...['bytes cost', 'delay costs'],
    ],
    rows: list.map((one) => [
      one === best ? '→' : '',
      one.candidate.label,
      formatNumber(one.cost.bytes.forward),
      formatNumber(one.cost.bytes.backward),
      formatShare(one.kept),
      formatNumber(one.cost.seconds),
      formatShare(one.cost.bytesShare),
      formatShare(one.cost.delayShare),
    ]),
  };
}
