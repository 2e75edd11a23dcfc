// Causal attention, the backward pass: one kernel for dq, with a block for each tile of queries, and one for dk and dv, with a
// block for each tile of keys, which recompute the scores. Nothing is added by several blocks, so the same inputs give the same
// bits.
#include "attention_tiles.cuh"

namespace mapl {
namespace cuda {
namespace {

// along[row] = dout · out, a warp for each row.
__global__ void __launch_bounds__(256)
    Along(const float* out, const float* dout, float* along, int64_t rows, int64_t width) {
  const int64_t row = blockIdx.x * int64_t{8} + threadIdx.x / 32;
  if (row >= rows) return;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x % 32; c < width; c += 32) {
    sum += out[row * width + c] * dout[row * width + c];
  }
  sum = WarpSum(sum);
  if (threadIdx.x % 32 == 0) along[row] = sum;
}

// to[i] = from[first + 4 ty + i], 0 for rows that do not exist.
template <int kSide>
__device__ void LoadOfRows(const float* from, int64_t first, int64_t count, float (&to)[4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int64_t row = first + 4 * (threadIdx.x / kSide) + i;
    to[i] = row < count ? from[row] : 0.0f;
  }
}

// p = exp(scores − lse) of a tile, 0 where a query or key does not exist or is not seen.
template <int kTile, int kWidth>
__device__ void Weights(float (&scores)[4][4], const float (&shift)[4], int64_t first, int64_t key,
                        const Sizes& s, float scale) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int64_t row = first + 4 * ty + i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int64_t at = key + tx + T::kSide * j;
      const bool seen = row < s.queries && at < s.keys && at <= s.keys - s.queries + row;
      scores[i][j] = seen ? expf(scores[i][j] * scale - shift[i]) : 0.0f;
    }
  }
}

// slope = p (slope − mean). A key seen alone has weight 1 whatever its score: there it is a difference of equals, taken times 0.
template <int kTile, int kWidth>
__device__ void Slopes(float (&slope)[4][4], const float (&weight)[4][4], const float (&mean)[4],
                       int64_t first, const Sizes& s) {
  const int ty = threadIdx.x / Tiles<kTile, kWidth>::kSide;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float factor = s.keys - s.queries + first + 4 * ty + i > 0 ? 1.0f : 0.0f;
#pragma unroll
    for (int j = 0; j < 4; j++) slope[i][j] = weight[i][j] * (slope[i][j] - mean[i]) * factor;
  }
}

// dq = scale · Σ p (dout vᵀ − along) k. Shared: queries, dout, keys or values, slopes.
template <int kTile, int kWidth>
__global__ void __launch_bounds__(Tiles<kTile, kWidth>::kThreads)
    BackwardQueries(const float* q, const float* k, const float* v, const float* lse,
                    const float* dout, const float* along, float* dq, Sizes s, float scale,
                    bool vector) {
  using T = Tiles<kTile, kWidth>;
  MAPL_DYNAMIC_SHARED(shared);
  float* const queries = shared;
  float* const grads = queries + T::kFloats;
  float* const rows = grads + T::kFloats;
  float* const slopes = rows + T::kFloats;
  const QueryTile block(s, kTile);
  const int64_t head = block.head, first = block.first;
  const float* const keys = k + s.KeyRow(head) * s.width;
  const float* const values = v + s.KeyRow(head) * s.width;
  const int64_t start = head * s.queries;
  LoadTile<kTile, kWidth>(q + start * s.width, first, s.queries, s.width, vector, queries);
  LoadTile<kTile, kWidth>(dout + start * s.width, first, s.queries, s.width, vector, grads);
  float shift[4], mean[4];
  LoadOfRows<T::kSide>(lse + start, first, s.queries, shift);
  LoadOfRows<T::kSide>(along + start, first, s.queries, mean);
  float4 sums[4][T::kColumns];
  Clear<kTile, kWidth>(sums);
  for (int64_t key = 0; key < s.keys - s.queries + block.last; key += kTile) {
    __syncthreads();
    LoadTile<kTile, kWidth>(values, key, s.keys, s.width, vector, rows);
    __syncthreads();
    float slope[4][4], weight[4][4];
    RowsTimesRows<kTile, kWidth>(grads, rows, slope);
    __syncthreads();
    LoadTile<kTile, kWidth>(keys, key, s.keys, s.width, vector, rows);
    __syncthreads();
    RowsTimesRows<kTile, kWidth>(queries, rows, weight);
    Weights<kTile, kWidth>(weight, shift, first, key, s, scale);
    Slopes<kTile, kWidth>(slope, weight, mean, first, s);
    StoreScores<kTile, kWidth>(slope, slopes);
    __syncthreads();
    ScoresTimesRows<kTile, kWidth>(slopes, rows, sums);
  }
  const float factors[4] = {scale, scale, scale, scale};
  StoreRows<kTile, kWidth>(sums, factors, first, s.queries, s.width, vector, dq + start * s.width);
}

// dv = Σ pᵀ dout, dk = scale · Σ (p (dout vᵀ − along))ᵀ q over all heads of the group. Shared: keys, values, queries, dout,
// weights and then slopes.
template <int kTile, int kWidth>
__global__ void __launch_bounds__(Tiles<kTile, kWidth>::kThreads)
    BackwardKeys(const float* q, const float* k, const float* v, const float* lse,
                 const float* dout, const float* along, float* dk, float* dv, Sizes s, float scale,
                 bool vector) {
  using T = Tiles<kTile, kWidth>;
  MAPL_DYNAMIC_SHARED(shared);
  float* const keys = shared;
  float* const values = keys + T::kFloats;
  float* const queries = values + T::kFloats;
  float* const grads = queries + T::kFloats;
  float* const scores = grads + T::kFloats;
  const int64_t pairs = s.batch * s.groups, pair = blockIdx.x % pairs;
  const int64_t key = blockIdx.x / pairs * kTile;
  const int64_t per_group = s.heads / s.groups;
  const float* const from_k = k + pair * s.keys * s.width;
  const float* const from_v = v + pair * s.keys * s.width;
  LoadTile<kTile, kWidth>(from_k, key, s.keys, s.width, vector, keys);
  LoadTile<kTile, kWidth>(from_v, key, s.keys, s.width, vector, values);
  float4 sum_k[4][T::kColumns], sum_v[4][T::kColumns];
  Clear<kTile, kWidth>(sum_k);
  Clear<kTile, kWidth>(sum_v);
  // The first query that sees the tile's first key.
  const int64_t from = key - (s.keys - s.queries) > 0 ? key - (s.keys - s.queries) : 0;
  for (int64_t h = 0; h < per_group; h++) {
    const int64_t head = pair / s.groups * s.heads + pair % s.groups * per_group + h;
    const int64_t start = head * s.queries;
    for (int64_t first = from / kTile * kTile; first < s.queries; first += kTile) {
      __syncthreads();
      LoadTile<kTile, kWidth>(q + start * s.width, first, s.queries, s.width, vector, queries);
      LoadTile<kTile, kWidth>(dout + start * s.width, first, s.queries, s.width, vector, grads);
      float shift[4], mean[4];
      LoadOfRows<T::kSide>(lse + start, first, s.queries, shift);
      LoadOfRows<T::kSide>(along + start, first, s.queries, mean);
      __syncthreads();
      float weight[4][4], slope[4][4];
      RowsTimesRows<kTile, kWidth>(queries, keys, weight);
      Weights<kTile, kWidth>(weight, shift, first, key, s, scale);
      StoreScores<kTile, kWidth>(weight, scores);
      __syncthreads();
      ScoresTransposedTimesRows<kTile, kWidth>(scores, grads, sum_v);
      RowsTimesRows<kTile, kWidth>(grads, values, slope);
      Slopes<kTile, kWidth>(slope, weight, mean, first, s);
      __syncthreads();
      StoreScores<kTile, kWidth>(slope, scores);
      __syncthreads();
      ScoresTransposedTimesRows<kTile, kWidth>(scores, queries, sum_k);
    }
  }
  const float ones[4] = {1.0f, 1.0f, 1.0f, 1.0f}, scales[4] = {scale, scale, scale, scale};
  StoreRows<kTile, kWidth>(sum_v, ones, key, s.keys, s.width, vector, dv + pair * s.keys * s.width);
  StoreRows<kTile, kWidth>(sum_k, scales, key, s.keys, s.width, vector,
                           dk + pair * s.keys * s.width);
}

template <int kTile, int kWidth>
cudaError_t RunBackward(const float* q, const float* k, const float* v, const float* lse,
                        const float* dout, const float* along, float* dq, float* dk, float* dv,
                        const Sizes& s, float scale, cudaStream_t stream) {
  using T = Tiles<kTile, kWidth>;
  const bool vector = s.width % 4 == 0 && Aligned(q, k, v, dout, dq, dk, dv);
  const int64_t query_blocks = s.batch * s.heads * CeilDiv(s.queries, kTile);
  if (query_blocks > 0) {
    const cudaError_t error = Launch(
        BackwardQueries<kTile, kWidth>, static_cast<unsigned>(query_blocks), T::kThreads,
        Shared<kTile, kWidth>(3), stream, q, k, v, lse, dout, along, dq, s, scale, vector);
    if (error != cudaSuccess) return error;
  }
  const int64_t key_blocks = s.batch * s.groups * CeilDiv(s.keys, kTile);
  return Launch(BackwardKeys<kTile, kWidth>, static_cast<unsigned>(key_blocks), T::kThreads,
                Shared<kTile, kWidth>(4), stream, q, k, v, lse, dout, along, dk, dv, s, scale,
                vector);
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" int64_t mapl_causal_attention_grad_workspace(int64_t batch, int64_t heads,
                                                        int64_t queries) {
  return batch * heads * queries * sizeof(float);
}

extern "C" cudaError_t mapl_causal_attention_grad(const float* q, const float* k, const float* v,
                                                  const float* out, const float* lse,
                                                  const float* dout, float* dq, float* dk,
                                                  float* dv, void* workspace, int64_t batch,
                                                  int64_t heads, int64_t groups, int64_t queries,
                                                  int64_t keys, int64_t width, float scale,
                                                  cudaStream_t stream) {
  const Sizes s = {batch, heads, groups, queries, keys, width};
  if (batch * groups * keys == 0) return cudaSuccess;
  if (!Fits(s)) return cudaErrorInvalidValue;
  float* const along = static_cast<float*>(workspace);
  const int64_t rows = batch * heads * queries;
  if (rows > 0) {
    const cudaError_t error = Launch(Along, static_cast<unsigned>(CeilDiv(rows, 8)), 256, 0, stream,
                                     out, dout, along, rows, width);
    if (error != cudaSuccess) return error;
  }
  // Not every card has room for the larger tiles of 128 columns.
  const bool roomy = Shared<64, 128>(4) <= SharedLimit();
  const auto run = width <= 64    ? RunBackward<64, 64>
                   : width > 128  ? RunBackward<32, 256>
                   : roomy        ? RunBackward<64, 128>
                                  : RunBackward<32, 128>;
  return run(q, k, v, lse, dout, along, dq, dk, dv, s, scale, stream);
}
