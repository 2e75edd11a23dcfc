// Causal attention, the forward pass: a block for each tile of queries, with the running maximum of the online softmax.
#include "attention_tiles.cuh"

namespace mapl {
namespace cuda {
namespace {

// Shared: queries, keys or values, weights.
template <int kTile, int kWidth>
__global__ void __launch_bounds__(Tiles<kTile, kWidth>::kThreads)
    Forward(const float* q, const float* k, const float* v, float* out, float* lse, Sizes s,
            float scale, bool vector) {
  using T = Tiles<kTile, kWidth>;
  MAPL_DYNAMIC_SHARED(shared);
  float* const queries = shared;
  float* const rows = queries + T::kFloats;
  float* const weights = rows + T::kFloats;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
  const QueryTile block(s, kTile);
  const int64_t head = block.head, first = block.first;
  const int64_t ahead = s.keys - s.queries;  // Query i sees the keys up to ahead + i.
  const float* const keys = k + s.KeyRow(head) * s.width;
  const float* const values = v + s.KeyRow(head) * s.width;
  LoadTile<kTile, kWidth>(q + head * s.queries * s.width, first, s.queries, s.width, vector, queries);
  float4 sums[4][T::kColumns];
  Clear<kTile, kWidth>(sums);
  float largest[4], total[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    largest[i] = -INFINITY;
    total[i] = 0.0f;
  }
  for (int64_t key = 0; key < ahead + block.last; key += kTile) {
    __syncthreads();
    LoadTile<kTile, kWidth>(keys, key, s.keys, s.width, vector, rows);
    __syncthreads();
    float scores[4][4];
    RowsTimesRows<kTile, kWidth>(queries, rows, scores);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int64_t seen = ahead + first + 4 * ty + i;
      float most = -INFINITY;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int64_t at = key + tx + T::kSide * j;
        scores[i][j] = at <= seen && at < s.keys ? scores[i][j] * scale : -INFINITY;
        most = fmaxf(most, scores[i][j]);
      }
      // Every query sees key 0, so that from the first tile on this is a number (or the scores are NaN).
      most = fmaxf(largest[i], WarpMax<T::kSide>(most));
      const float shift = most == -INFINITY ? 0.0f : most;
      const float shrink = expf(largest[i] - shift);
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        scores[i][j] = expf(scores[i][j] - shift);
        sum += scores[i][j];
      }
      total[i] = total[i] * shrink + WarpSum<T::kSide>(sum);
      largest[i] = most;
#pragma unroll
      for (int c = 0; c < T::kColumns; c++) {
        sums[i][c].x *= shrink;
        sums[i][c].y *= shrink;
        sums[i][c].z *= shrink;
        sums[i][c].w *= shrink;
      }
    }
    StoreScores<kTile, kWidth>(scores, weights);
    __syncthreads();
    LoadTile<kTile, kWidth>(values, key, s.keys, s.width, vector, rows);
    __syncthreads();
    ScoresTimesRows<kTile, kWidth>(weights, rows, sums);
  }
  float inverse[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    inverse[i] = 1.0f / total[i];
    const int64_t row = first + 4 * ty + i;
    if (tx == 0 && row < s.queries) lse[head * s.queries + row] = largest[i] + logf(total[i]);
  }
  StoreRows<kTile, kWidth>(sums, inverse, first, s.queries, s.width, vector,
                           out + head * s.queries * s.width);
}

template <int kTile, int kWidth>
cudaError_t RunForward(const float* q, const float* k, const float* v, float* out, float* lse,
                       const Sizes& s, float scale, cudaStream_t stream) {
  using T = Tiles<kTile, kWidth>;
  const int64_t blocks = s.batch * s.heads * CeilDiv(s.queries, kTile);
  return Launch(Forward<kTile, kWidth>, static_cast<unsigned>(blocks), T::kThreads,
                Shared<kTile, kWidth>(2), stream, q, k, v, out, lse, s, scale,
                s.width % 4 == 0 && Aligned(q, k, v, out));
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_causal_attention(const float* q, const float* k, const float* v,
                                             float* out, float* lse, int64_t batch, int64_t heads,
                                             int64_t groups, int64_t queries, int64_t keys,
                                             int64_t width, float scale, cudaStream_t stream) {
  const Sizes s = {batch, heads, groups, queries, keys, width};
  if (batch * heads * queries == 0) return cudaSuccess;
  if (!Fits(s)) return cudaErrorInvalidValue;
  const auto run = width <= 64 ? RunForward<64, 64> : width <= 128 ? RunForward<64, 128>
                                                                   : RunForward<32, 256>;
  return run(q, k, v, out, lse, s, scale, stream);
}
