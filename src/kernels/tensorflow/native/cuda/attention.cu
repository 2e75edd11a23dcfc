// Causal attention in tiles (FlashAttention-2, arXiv 2307.08691), in float32: no T×T matrix. The backward pass has one
// kernel for dq, with a block for each tile of queries, and one for dk and dv, with a block for each tile of keys, which
// recompute the scores: nothing is added by several blocks, so the same inputs give the same bits.
//
// A tile has kTile rows of kWidth floats, zeros past the width of a head, one row kWidth + 4 floats after the other: rows
// that follow each other begin four banks apart. Threads form a square of kSide = kTile / 4 a side; thread (tx, ty)
// has the rows 4 ty + i and the columns tx + kSide j of a tile of scores, and the columns 4 tx + 4 kSide c of rows.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

struct Sizes {
  int64_t batch, heads, groups, queries, keys, width;
  // Keys and values of this head, [keys,width], begin at row:
  __device__ int64_t KeyRow(int64_t head) const {
    return (head / heads * groups + head % heads / (heads / groups)) * keys;
  }
};

template <int kTile, int kWidth>
struct Tiles {
  static constexpr int kSide = kTile / 4;
  static constexpr int kThreads = kSide * kSide;
  static constexpr int kRow = kWidth + 4;
  static constexpr int kFloats = kTile * kRow;
  static constexpr int kScoreRow = kTile + 4;
  static constexpr int kScores = kTile * kScoreRow;
  static constexpr int kColumns = kWidth / (4 * kSide);  // Of four floats, of a thread.
  static_assert(kColumns * 4 * kSide == kWidth, "columns are shared out evenly");
};

// Rows first … first + kTile − 1 of `from` [count,width]; zeros for those that do not exist.
template <int kTile, int kWidth>
__device__ void LoadTile(const float* from, int64_t first, int64_t count, int64_t width, bool vector,
                         float* tile) {
  using T = Tiles<kTile, kWidth>;
  for (int i = threadIdx.x; i < kTile * (kWidth / 4); i += T::kThreads) {
    const int row = i / (kWidth / 4), column = i % (kWidth / 4) * 4;
    const int64_t left = first + row < count ? width - column : 0;
    const float* at = left > 0 ? from + (first + row) * width + column : from;
    Store4(tile + row * T::kRow + column, LoadUpTo4(at, left, vector));
  }
}

// sums[i][j] = rows of a · rows of b.
template <int kTile, int kWidth>
__device__ void RowsTimesRows(const float* a, const float* b, float (&sums)[4][4]) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) sums[i][j] = 0.0f;
  }
#pragma unroll 4
  for (int c = 0; c < kWidth; c += 4) {
    float4 left[4], right[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      left[i] = Load4(a + (4 * ty + i) * T::kRow + c);
      right[i] = Load4(b + (tx + T::kSide * i) * T::kRow + c);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        sums[i][j] += left[i].x * right[j].x;
        sums[i][j] += left[i].y * right[j].y;
        sums[i][j] += left[i].z * right[j].z;
        sums[i][j] += left[i].w * right[j].w;
      }
    }
  }
}

__device__ inline void AddScaled(float4& sum, float factor, float4 v) {
  sum.x += factor * v.x;
  sum.y += factor * v.y;
  sum.z += factor * v.z;
  sum.w += factor * v.w;
}

// sums[i][c] += scores [kTile,kTile] · rows [kTile,kWidth].
template <int kTile, int kWidth>
__device__ void ScoresTimesRows(const float* scores, const float* rows,
                                float4 (&sums)[4][Tiles<kTile, kWidth>::kColumns]) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll 2
  for (int k = 0; k < kTile; k += 4) {
    float4 left[4];
#pragma unroll
    for (int i = 0; i < 4; i++) left[i] = Load4(scores + (4 * ty + i) * T::kScoreRow + k);
#pragma unroll
    for (int c = 0; c < T::kColumns; c++) {
      const float* at = rows + k * T::kRow + 4 * tx + 4 * T::kSide * c;
      const float4 r0 = Load4(at), r1 = Load4(at + T::kRow);
      const float4 r2 = Load4(at + 2 * T::kRow), r3 = Load4(at + 3 * T::kRow);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        AddScaled(sums[i][c], left[i].x, r0);
        AddScaled(sums[i][c], left[i].y, r1);
        AddScaled(sums[i][c], left[i].z, r2);
        AddScaled(sums[i][c], left[i].w, r3);
      }
    }
  }
}

// sums[i][c] += scores [kTile,kTile]ᵀ · rows [kTile,kWidth].
template <int kTile, int kWidth>
__device__ void ScoresTransposedTimesRows(const float* scores, const float* rows,
                                          float4 (&sums)[4][Tiles<kTile, kWidth>::kColumns]) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll 4
  for (int k = 0; k < kTile; k++) {
    const float4 left = Load4(scores + k * T::kScoreRow + 4 * ty);
#pragma unroll
    for (int c = 0; c < T::kColumns; c++) {
      const float4 r = Load4(rows + k * T::kRow + 4 * tx + 4 * T::kSide * c);
      AddScaled(sums[0][c], left.x, r);
      AddScaled(sums[1][c], left.y, r);
      AddScaled(sums[2][c], left.z, r);
      AddScaled(sums[3][c], left.w, r);
    }
  }
}

template <int kTile, int kWidth>
__device__ void StoreScores(const float (&values)[4][4], float* scores) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) scores[(4 * ty + i) * T::kScoreRow + tx + T::kSide * j] = values[i][j];
  }
}

template <int kTile, int kWidth>
__device__ void Clear(float4 (&sums)[4][Tiles<kTile, kWidth>::kColumns]) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int c = 0; c < Tiles<kTile, kWidth>::kColumns; c++) {
      sums[i][c] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
  }
}

// Rows first + 4 ty + i of `to` [count,width] = factors[i] · sums[i].
template <int kTile, int kWidth>
__device__ void StoreRows(const float4 (&sums)[4][Tiles<kTile, kWidth>::kColumns],
                          const float (&factors)[4], int64_t first, int64_t count, int64_t width,
                          bool vector, float* to) {
  using T = Tiles<kTile, kWidth>;
  const int tx = threadIdx.x % T::kSide, ty = threadIdx.x / T::kSide;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int64_t row = first + 4 * ty + i;
    if (row >= count) continue;
#pragma unroll
    for (int c = 0; c < T::kColumns; c++) {
      const int column = 4 * tx + 4 * T::kSide * c;
      if (column >= width) continue;
      const float4 v = sums[i][c];
      const float f = factors[i];
      StoreUpTo4(to + row * width + column, make_float4(f * v.x, f * v.y, f * v.z, f * v.w),
                 width - column, vector);
    }
  }
}

// Block x: head and tile of queries, the tiles with most keys first. Shared: queries, keys or values, weights.
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
  const int64_t tiles = (s.queries + kTile - 1) / kTile, heads = s.batch * s.heads;
  const int64_t head = blockIdx.x % heads;
  const int64_t first = (tiles - 1 - blockIdx.x / heads) * kTile;
  const int64_t ahead = s.keys - s.queries;  // Query i sees the keys up to ahead + i.
  const int64_t last = first + kTile < s.queries ? first + kTile : s.queries;
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
  for (int64_t key = 0; key < ahead + last; key += kTile) {
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
  const int ty = threadIdx.x / T::kSide;
  const int64_t tiles = (s.queries + kTile - 1) / kTile, heads = s.batch * s.heads;
  const int64_t head = blockIdx.x % heads;
  const int64_t first = (tiles - 1 - blockIdx.x / heads) * kTile;
  const int64_t last = first + kTile < s.queries ? first + kTile : s.queries;
  const float* const keys = k + s.KeyRow(head) * s.width;
  const float* const values = v + s.KeyRow(head) * s.width;
  const int64_t start = head * s.queries;
  LoadTile<kTile, kWidth>(q + start * s.width, first, s.queries, s.width, vector, queries);
  LoadTile<kTile, kWidth>(dout + start * s.width, first, s.queries, s.width, vector, grads);
  float shift[4], mean[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int64_t row = first + 4 * ty + i;
    shift[i] = row < s.queries ? lse[start + row] : 0.0f;
    mean[i] = row < s.queries ? along[start + row] : 0.0f;
  }
  float4 sums[4][T::kColumns];
  Clear<kTile, kWidth>(sums);
  for (int64_t key = 0; key < s.keys - s.queries + last; key += kTile) {
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
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) slope[i][j] = weight[i][j] * (slope[i][j] - mean[i]);
    }
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
  const int ty = threadIdx.x / T::kSide;
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
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int64_t row = first + 4 * ty + i;
        shift[i] = row < s.queries ? lse[start + row] : 0.0f;
        mean[i] = row < s.queries ? along[start + row] : 0.0f;
      }
      __syncthreads();
      float weight[4][4], slope[4][4];
      RowsTimesRows<kTile, kWidth>(queries, keys, weight);
      Weights<kTile, kWidth>(weight, shift, first, key, s, scale);
      StoreScores<kTile, kWidth>(weight, scores);
      __syncthreads();
      ScoresTransposedTimesRows<kTile, kWidth>(scores, grads, sum_v);
      RowsTimesRows<kTile, kWidth>(grads, values, slope);
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) slope[i][j] = weight[i][j] * (slope[i][j] - mean[i]);
      }
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

// Bytes of `tiles` tiles and one of scores.
template <int kTile, int kWidth>
size_t Shared(int tiles) {
  using T = Tiles<kTile, kWidth>;
  return (tiles * T::kFloats + T::kScores) * sizeof(float);
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

bool Fits(const Sizes& s) {
  return s.groups > 0 && s.heads % s.groups == 0 && s.queries <= s.keys && s.width <= 256 &&
         s.batch * s.heads * CeilDiv(s.keys, 32) < int64_t{1} << 31;
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
  const auto run = width <= 64 ? RunBackward<64, 64> : width <= 128 ? RunBackward<64, 128>
                                                                    : RunBackward<32, 256>;
  return run(q, k, v, lse, dout, along, dq, dk, dv, s, scale, stream);
}
