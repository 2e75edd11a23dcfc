/** Which variable of a model the MAPL recipe trains with which optimizer. */

import {checkText, refuseValue} from '../ops/check_values.js';

/** What a variable is to the recipe. */
export type MaplRole = 'projector' | 'unconstrained' | 'hidden' | 'embedding' | 'anchors' | 'adam';

/** Words that name the table of tokens. */
const EMBEDDING = /embed|(^|[/._])wte([/._]|$)/i;

/** Words that name the last matrix of a model, and a table of positions. */
const ENDS =
  /lm_head|(^|[/._])(head|output|outputs|logits|classifier|predictions|score|wpe)([/._]|$)/i;

/**
 * The role of a variable by its name (without tfjs's suffix) and shape:
 *
 * - `…/projector`, a matrix: projector;
 * - `…/unconstrained_projector`, a matrix: unconstrained, that is Muon at the projectors' rate;
 * - a matrix `…/kernel`, `…/recurrent_kernel` or `….weight`/`…/weight` (LLaMA's `…_proj.weight`) whose name has no word for an embedding or an output
 *   layer (`embed…`, `lm_head`, `head`, `output`, `logits`, `classifier`, `predictions`, `score`, `wte`, `wpe`): hidden;
 * - a matrix with `embed` or `wte` in its name: embedding, that is AdamW at the embeddings' rate;
 * - `…/table`, a matrix: anchors, that is AdamW at the anchors' rate;
 * - all else (output head, norms, biases, tensors that are not matrices): AdamW.
 *
 * The output layer of a model with other names is not recognisable; name it in `adam` (`adam: 'dense_3/*'`).
 */
export function maplRole(name: string, variable: {rank: number}): MaplRole {
  checkText('maplRole', 'name', name, `a variable's name such as 'dense/kernel'`);
  if (!Number.isInteger(variable?.rank)) {
    refuseValue('maplRole', 'variable', variable, 'a variable, or {rank: number}');
  }
  if (variable.rank !== 2) {
    return 'adam';
  }
  if (/(^|\/)projector$/.test(name)) {
    return 'projector';
  }
  if (/(^|\/)unconstrained_projector$/.test(name)) {
    return 'unconstrained';
  }
  if (EMBEDDING.test(name)) {
    return 'embedding';
  }
  if (/\/table$/.test(name)) {
    return 'anchors';
  }
  return /(^|[/.])(kernel|recurrent_kernel|weight)$/.test(name) && !ENDS.test(name)
    ? 'hidden'
    : 'adam';
}
