// The arithmetic of the kernels on plain memory, row-major float32. Free of TensorFlow's headers, which take half a
// minute to compile; only the `ops_….cc` files include them.
//
// Work is cut into items whose number depends on the shapes alone, and sums that cross items are added in order of the
// items: results do not depend on the number of threads nor on who computes what.
#ifndef TFJS_MAPL_COMPUTE_H_
#define TFJS_MAPL_COMPUTE_H_

#include <cstdint>
#include <functional>
#include <vector>

namespace mapl {

// Runs body(first, last) over disjoint ranges that cover 0 … items − 1, on several threads. `cost`: cycles an item.
using Range = std::function<void(int64_t first, int64_t last)>;
using Parallel = std::function<void(int64_t items, double cost, const Range& body)>;

// y = x / sqrt(mean(x²) + epsilon) · weight, row by row: x, y [n,d], weight [d].
void RmsNorm(const float* x, const float* weight, float* y, int64_t n, int64_t d, float epsilon,
             const Parallel& parallel);
// dx [n,d] and dweight [d] from dy [n,d].
void RmsNormGrad(const float* x, const float* weight, const float* dy, float* dx, float* dweight,
                 int64_t n, int64_t d, float epsilon, const Parallel& parallel);

// Rotate-half: x, y [rows,time,width], cos and sin [time,width/2].
void RotaryEmbedding(const float* x, const float* cos, const float* sin, float* y, int64_t rows,
                     int64_t time, int64_t width, const Parallel& parallel);

// y = silu(gate) · up, all of `size` elements.
void SwiGlu(const float* gate, const float* up, float* y, int64_t size, const Parallel& parallel);
void SwiGluGrad(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                int64_t size, const Parallel& parallel);

// Floats to IEEE halves and back, two a word, the even element in the lower 16 bits: `size` floats, (size + 1) / 2 words.
void PackHalf(const float* x, int32_t* packed, int64_t size, const Parallel& parallel);
void UnpackHalf(const int32_t* packed, float* x, int64_t size, const Parallel& parallel);

// Sizes of an attention: q [batch,heads,queries,width], k and v [batch,groups,keys,width].
struct AttentionSizes {
  int64_t batch, heads, groups, queries, keys, width;
};
// out as q, lse [batch,heads,queries].
void CausalAttention(const float* q, const float* k, const float* v, float* out, float* lse,
                     const AttentionSizes& sizes, float scale, const Parallel& parallel);
void CausalAttentionGrad(const float* q, const float* k, const float* v, const float* out,
                         const float* lse, const float* dout, float* dq, float* dk, float* dv,
                         const AttentionSizes& sizes, float scale, const Parallel& parallel);

// loss and lse [n] of logits [n,classes] and targets [n], which lie in 0 … classes − 1.
void SparseCrossEntropy(const float* logits, const int32_t* targets, float* loss, float* lse,
                        int64_t n, int64_t classes, const Parallel& parallel);
void SparseCrossEntropyGrad(const float* logits, const int32_t* targets, const float* lse,
                            const float* dloss, float* dlogits, int64_t n, int64_t classes,
                            const Parallel& parallel);

// sums [segments,width] of rows [n,width] by ids [n], which lie in 0 … segments − 1, added in order of the rows.
void ScatterRows(const float* rows, const int32_t* ids, float* sums, int64_t n, int64_t segments,
                 int64_t width, const Parallel& parallel);

// One step of AdamW on `size` elements:
//   m ← m + new_first (g − m)    v ← keep_second v + new_second g²    w ← keep_value w − step_size m / (√v + epsilon)
struct AdamWScalars {
  float new_first, keep_second, new_second, epsilon, step_size, keep_value;
};
void AdamW(const float* value, const float* gradient, const float* first, const float* second,
           float* new_value, float* new_first, float* new_second, int64_t size,
           const AdamWScalars& scalars, const Parallel& parallel);

// Muon's momentum: m ← keep m + take g. What is to be orthogonalised is m, or with `nesterov` keep m + take g again.
void MuonUpdate(const float* momentum, const float* gradient, float* new_momentum,
                float* direction, int64_t size, float keep, float take, bool nesterov,
                const Parallel& parallel);

// squares[t]: sum of the squares of tensors[t], which has sizes[t] elements.
void GlobalNorm(const std::vector<const float*>& tensors, const std::vector<int64_t>& sizes,
                float* squares, const Parallel& parallel);

// Sizes of a boundary: `rows` tokens of `width` numbers, `rank` of which cross; anchors [vocabulary,anchor_rank].
struct BoundarySizes {
  int64_t rows, width, rank, anchor_rank;
};
// z [rows,rank] = x A − E[ids](P A), projector A [width,rank], basis P [anchor_rank,width]; ids lie in the vocabulary.
void BoundaryEncode(const float* x, const int32_t* ids, const float* projector,
                    const float* anchors, const float* basis, float* z, const BoundarySizes& sizes,
                    const Parallel& parallel);
// x [rows,width] = z Aᵀ + E[ids] P.
void BoundaryDecode(const float* z, const int32_t* ids, const float* projector,
                    const float* anchors, const float* basis, float* x, const BoundarySizes& sizes,
                    const Parallel& parallel);

// out [batch,rows,columns]: y, scaled to a norm of 1/1.01, then `steps` times X(a + b XᵀX + c (XᵀX)²) with the
// coefficients [steps,3]. Of wide matrices the transpose.
void PolarFactor(const float* y, const float* coefficients, int64_t steps, float* out,
                 int64_t batch, int64_t rows, int64_t columns, const Parallel& parallel);

// z [rows,groups·width], codebooks [rounds,groups,codes,width], indices [rounds,rows,groups].
struct RvqSizes {
  int64_t rows, rounds, groups, codes, width;
};
// The nearest code in every round and group, of equally near ones the lowest; 0 for NaN.
void RvqEncode(const float* z, const float* codebooks, int32_t* indices, const RvqSizes& sizes,
               const Parallel& parallel);
// Sums of the codes over the rounds; indices lie in 0 … codes − 1.
void RvqDecode(const int32_t* indices, const float* codebooks, float* z, const RvqSizes& sizes,
               const Parallel& parallel);

}  // namespace mapl

#endif  // TFJS_MAPL_COMPUTE_H_
