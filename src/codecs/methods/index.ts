/** Compression methods by name. Adding one: a file here, its line below, a row in the methods' test. */
import {aqSgd} from './aq_sgd.js';
import {fixed} from './fixed.js';
import {fp16} from './fp16.js';
import {int4} from './int4.js';
import {int8} from './int8.js';
import {mapl} from './mapl.js';
import {
  maplFullAnchors,
  maplNoAnchors,
  maplStaticAnchors,
  maplUnconstrained,
} from './mapl_ablations.js';
import {maplRvq} from './mapl_rvq.js';
import {none} from './none.js';
import {registerMethod} from './registry.js';
import {resbm} from './resbm.js';
import {ssn} from './ssn.js';
import {topK} from './top_k.js';

for (const method of [
  none,
  fp16,
  int8,
  int4,
  topK,
  aqSgd,
  ssn,
  resbm,
  fixed,
  mapl,
  maplRvq,
  maplNoAnchors,
  maplStaticAnchors,
  maplFullAnchors,
  maplUnconstrained,
]) {
  registerMethod(method);
}

export {parseLegSpec} from './leg_spec.js';
export {methodPlan, type CompressionSettings, type PlanContext} from './plan.js';
export {getMethod, methodNames, registerMethod} from './registry.js';
