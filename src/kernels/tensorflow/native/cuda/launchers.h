/* The CUDA kernels of this package behind plain C: device pointers, sizes, a stream. Nothing here knows TensorFlow.
 *
 * All memory is row-major and float32 (indices int32), on the device unless said otherwise. Inputs and outputs do not
 * overlap. Workspaces are uninitialised device memory of as many bytes as the `_workspace` function of the launcher
 * says, aligned to 16. Launchers queue their kernels on the stream and return: the error is that of the launch;
 * cudaErrorInvalidValue for sizes past a limit, which is named with the launcher. Empty inputs launch nothing.
 *
 * Same inputs, same bits: no sums by atomics.
 */
#ifndef TFJS_MAPL_CUDA_LAUNCHERS_H_
#define TFJS_MAPL_CUDA_LAUNCHERS_H_

#include <cuda_runtime.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y = x / sqrt(mean(x²) + epsilon) · weight: x, y [n,d], weight [d], d at most 32768. */
cudaError_t mapl_rms_norm(const float* x, const float* weight, float* y, int64_t n, int64_t d,
                          float epsilon, cudaStream_t stream);
int64_t mapl_rms_norm_grad_workspace(int64_t n, int64_t d);
cudaError_t mapl_rms_norm_grad(const float* x, const float* weight, const float* dy, float* dx,
                               float* dweight, void* workspace, int64_t n, int64_t d, float epsilon,
                               cudaStream_t stream);

/* Rotate-half: x, y [rows,time,width], cosine and sine [time,width/2]. */
cudaError_t mapl_rotary_embedding(const float* x, const float* cosine, const float* sine, float* y,
                                  int64_t rows, int64_t time, int64_t width, cudaStream_t stream);

/* y = silu(gate) · up. */
cudaError_t mapl_swiglu(const float* gate, const float* up, float* y, int64_t size,
                        cudaStream_t stream);
cudaError_t mapl_swiglu_grad(const float* gate, const float* up, const float* dy, float* dgate,
                             float* dup, int64_t size, cudaStream_t stream);

/* The bits of the halves of x [size], two a word, the first in the lower bits: packed [(size + 1) / 2]; and back. To
 * nearest, ties to even; infinity from 65520 on, one NaN, no −0. */
cudaError_t mapl_pack_half(const float* x, int32_t* packed, int64_t size, cudaStream_t stream);
cudaError_t mapl_unpack_half(const int32_t* packed, float* x, int64_t size, cudaStream_t stream);

/* loss and lse [n] of logits [n,classes] and targets [n]; a target outside 0 … classes − 1 gives the loss NaN,
 * and a gradient of NaN. */
cudaError_t mapl_sparse_cross_entropy(const float* logits, const int32_t* targets, float* loss,
                                      float* lse, int64_t n, int64_t classes, cudaStream_t stream);
cudaError_t mapl_sparse_cross_entropy_grad(const float* logits, const int32_t* targets,
                                           const float* lse, const float* dloss, float* dlogits,
                                           int64_t n, int64_t classes, cudaStream_t stream);

/* q, out [batch,heads,queries,width], k and v [batch,groups,keys,width], lse [batch,heads,queries]; heads a multiple
 * of groups, queries at most keys (the last query sees the last key), width at most 256; of the gradient at most 128 where a
 * block has less than 138 KiB of shared memory. */
cudaError_t mapl_causal_attention(const float* q, const float* k, const float* v, float* out,
                                  float* lse, int64_t batch, int64_t heads, int64_t groups,
                                  int64_t queries, int64_t keys, int64_t width, float scale,
                                  cudaStream_t stream);
int64_t mapl_causal_attention_grad_workspace(int64_t batch, int64_t heads, int64_t queries);
cudaError_t mapl_causal_attention_grad(const float* q, const float* k, const float* v,
                                       const float* out, const float* lse, const float* dout,
                                       float* dq, float* dk, float* dv, void* workspace,
                                       int64_t batch, int64_t heads, int64_t groups,
                                       int64_t queries, int64_t keys, int64_t width, float scale,
                                       cudaStream_t stream);

/* sums [segments,width] of rows [n,width] by ids [n], added in order of the rows; all NaN where an id is outside. n
 * and segments below 2³¹. */
int64_t mapl_scatter_rows_workspace(int64_t n, int64_t segments);
cudaError_t mapl_scatter_rows(const float* rows, const int32_t* ids, float* sums, void* workspace,
                              int64_t n, int64_t segments, int64_t width, cudaStream_t stream);

/* m ← m + new_first (g − m)    v ← keep_second v + new_second g²    w ← keep_value w − step_size m / (√v + epsilon) */
cudaError_t mapl_adamw(const float* value, const float* gradient, const float* first,
                       const float* second, float* new_value, float* new_first, float* new_second,
                       int64_t size, float new_first_share, float keep_second,
                       float new_second_share, float epsilon, float step_size, float keep_value,
                       cudaStream_t stream);

/* m ← keep m + take g; direction = nesterov ? keep m + take g : m, with the new m. */
cudaError_t mapl_muon(const float* momentum, const float* gradient, float* new_momentum,
                      float* direction, int64_t size, float keep, float take, int nesterov,
                      cudaStream_t stream);

/* squares[t] of each tensor; `tensors` (of device pointers) and `sizes` are arrays of `count` on the host. */
int64_t mapl_global_norm_workspace(int64_t count);
cudaError_t mapl_global_norm(const float* const* tensors, const int64_t* sizes, int64_t count,
                             float* squares, void* workspace, cudaStream_t stream);

/* z [rows,rank] = x A − E[ids](P A), x̂ [rows,width] = z Aᵀ + E[ids] P: projector A [width,rank], anchors E
 * [vocabulary,anchor_rank], basis P [anchor_rank,width]. A token outside the vocabulary gives a row of NaN. */
int64_t mapl_boundary_encode_workspace(int64_t rows, int64_t width, int64_t rank,
                                       int64_t anchor_rank);
cudaError_t mapl_boundary_encode(const float* x, const int32_t* ids, const float* projector,
                                 const float* anchors, const float* basis, float* z,
                                 void* workspace, int64_t rows, int64_t width, int64_t rank,
                                 int64_t anchor_rank, int64_t vocabulary, cudaStream_t stream);
int64_t mapl_boundary_decode_workspace(int64_t rows, int64_t width, int64_t rank,
                                       int64_t anchor_rank);
cudaError_t mapl_boundary_decode(const float* z, const int32_t* ids, const float* projector,
                                 const float* anchors, const float* basis, float* x,
                                 void* workspace, int64_t rows, int64_t width, int64_t rank,
                                 int64_t anchor_rank, int64_t vocabulary, cudaStream_t stream);

/* y, out [batch,rows,columns]; `coefficients` [steps,3] on the host: X ← X(a + b XᵀX + c (XᵀX)²) from
 * X = y / (1.01 ‖y‖), of wide matrices the transpose. float32 throughout. batch at most 1024. */
int64_t mapl_polar_factor_workspace(int64_t batch, int64_t rows, int64_t columns);
cudaError_t mapl_polar_factor(const float* y, const float* coefficients, int64_t steps, float* out,
                              void* workspace, int64_t batch, int64_t rows, int64_t columns,
                              cudaStream_t stream);

/* z [rows,groups·width], codebooks [rounds,groups,codes,width], indices [rounds,rows,groups]: the nearest code, of
 * equally near ones the lowest; −1 in all rounds of a row's group with a value that is not finite, and in all rows of a round's
 * group whose codes have one. width at most 512 (352 where a block has 99 KiB of shared memory), groups at most 65535. */
cudaError_t mapl_rvq_encode(const float* z, const float* codebooks, int32_t* indices, int64_t rows,
                            int64_t rounds, int64_t groups, int64_t codes, int64_t width,
                            cudaStream_t stream);
/* An index outside 0 … codes − 1 gives NaN. */
cudaError_t mapl_rvq_decode(const int32_t* indices, const float* codebooks, float* z, int64_t rows,
                            int64_t rounds, int64_t groups, int64_t codes, int64_t width,
                            cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif /* TFJS_MAPL_CUDA_LAUNCHERS_H_ */
