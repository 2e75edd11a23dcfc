import type {RunSummary} from '../../src/cli/run/summary.js';
import type {Method, MethodResult, Spread} from './aggregate.js';

const NAMES: Record<Method, string> = {
  none: 'uncompressed',
  mapl: 'MAPL (learned projectors)',
  fixed: 'fixed random projectors',
};

const loss = ({mean, std, min, max}: Spread) =>
  `${mean.toFixed(4)} ± ${std.toFixed(4)} (${min.toFixed(4)}–${max.toFixed(4)})`;
const percent = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)} %`;
const delta = (spread: Spread | null) =>
  spread ? `${percent(spread.mean)} (${percent(spread.min)} to ${percent(spread.max)})` : '';

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * The study's page.
 *
 * @param results One a method.
 * @param runs All finished runs, for what they have in common.
 */
export function studyMarkdown(results: MethodResult[], runs: RunSummary[]): string {
  const [{config, backend, versions, tokens, dataHash}] = runs;
  const {model, compression, training, pipeline} = config;
  const ratio = (result: MethodResult) =>
    results[0].method === 'none'
      ? (results[0].bytesPerToken.total / result.bytesPerToken.total).toFixed(2)
      : '';
  const losses = table(
    ['method', 'seeds', 'test loss', 'Δ test', 'validation loss', 'Δ validation'],
    results.map((result) => [
      NAMES[result.method],
      result.seeds.join(', '),
      loss(result.test),
      delta(result.deltaPercent),
      loss(result.validation),
      delta(result.validationDeltaPercent),
    ]),
  );
  const bytes = table(
    [
      'method',
      'bytes/token forward',
      'backward',
      'total',
      'ratio',
      'captured energy',
      '‖AᵀA−I‖₂ at most',
    ],
    results.map((result) => [
      NAMES[result.method],
      result.bytesPerToken.forward.toFixed(1),
      result.bytesPerToken.backward.toFixed(1),
      result.bytesPerToken.total.toFixed(1),
      ratio(result),
      result.capturedEnergy.map((share) => `${(100 * share).toFixed(1)} %`).join(', '),
      result.orthogonality?.toExponential(1) ?? '',
    ]),
  );
  const wide = (name: string, value: unknown) => `${name} ${String(value)}`;
  return `# Study in small

Mean ± standard deviation (range) over seeds; losses are nats a token. Δ is taken seed by seed against the
uncompressed run of the same seed: same initial weights, same data in the same order.

**Test** is the reported split: text that no setting was chosen by. **Validation** is what settings may be
chosen by. Both are whole documents that no run trains on.

${losses}

Bytes are those of tensors over all ${runs[0].bytesPerToken.boundaries.length} boundary(ies), counted as they were sent; they include ids,
new projectors and halves of their gradients. Captured energy, by boundary, is ‖RA‖²/‖R‖² on validation text.

${bytes}

Model: ${[
    wide('d', model.hiddenSize),
    wide('r', compression.rank),
    wide('layers', model.layers),
    wide('heads', model.heads),
    wide('feed-forward', model.intermediateSize),
    wide('context', training.context),
  ].join(', ')}; wire ${pipeline.wire}.
Recipe: ${training.steps} steps of ${training.batchSize} × ${training.context} tokens (${tokens.toLocaleString('en-US')} in all), Muon
${training.muonLearningRate}, AdamW ${training.adamwLearningRate}, projectors ${training.projectorLearningRate}, ${100 * training.warmup} % warm-up, linear to zero over the last ${100 * training.decay} %,
clipped at a norm of ${training.clipNorm}. The same for all methods.
Text: ${config.data.text.length ? config.data.text.join(', ') : 'Brown corpus and Moby Dick'}, data ${dataHash.slice(0, 12)}.
Backend: ${backend.name} (${versions.backend}), ${backend.threads} thread(s) a run; Node ${versions.node}, ${versions.platform}.

Made by \`npm run study\`.
`;
}
