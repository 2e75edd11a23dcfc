/** Registers the gradients of all kernels of this package, for all backends. */
import './adamw_update_grad.js';
import './boundary_decode_grad.js';
import './boundary_encode_grad.js';
import './causal_attention_grad.js';
import './global_norm_grad.js';
import './muon_update_grad.js';
import './polar_factor_grad.js';
import './rms_norm_grad.js';
import './rotary_embedding_grad.js';
import './rvq_decode_grad.js';
import './rvq_encode_grad.js';
import './sparse_cross_entropy_grad.js';
import './swiglu_grad.js';
