/** Registers all composed reference kernels. */
import './adamw_update.js';
import './boundary_decode.js';
import './boundary_encode.js';
import './causal_attention.js';
import './global_norm.js';
import './muon_update.js';
import './pack_half.js';
import './polar_factor.js';
import './polar_factor_grad.js';
import './rms_norm.js';
import './rotary_embedding.js';
import './rvq_decode.js';
import './rvq_encode.js';
import './scatter_rows.js';
import './sparse_cross_entropy.js';
import './swiglu.js';
