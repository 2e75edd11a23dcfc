// Tiles of causal attention (FlashAttention-2, arXiv 2307.08691), in float32: no T×T matrix.
//
// A tile has kTile rows of kWidth floats, zeros past the width of a head, one row kWidth + 4 floats after the other: rows
// that follow each other begin four banks apart. Threads form a square of kSide = kTile / 4 a side; thread (tx, ty)
// has the rows 4 ty + i and the columns tx + kSide j of a tile of scores, and the columns 4 tx + 4 kSide c of rows.
#ifndef TFJS_MAPL_CUDA_ATTENTION_TILES_CUH_
#define TFJS_MAPL_CUDA_ATTENTION_TILES_CUH_

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

// The head and the queries of a block, those with most keys first.
struct QueryTile {
  int64_t head, first, last;
  __device__ QueryTile(const Sizes& s, int tile) {
    const int64_t tiles = (s.queries + tile - 1) / tile, heads = s.batch * s.heads;
    head = blockIdx.x % heads;
    first = (tiles - 1 - blockIdx.x / heads) * tile;
    last = first + tile < s.queries ? first + tile : s.queries;
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

// Bytes of `tiles` tiles and one of scores.
template <int kTile, int kWidth>
size_t Shared(int tiles) {
  using T = Tiles<kTile, kWidth>;
  return (tiles * T::kFloats + T::kScores) * sizeof(float);
}

// Also that all grids are of less than 2³¹ blocks.
inline bool Fits(const Sizes& s) {
  return s.groups > 0 && s.heads % s.groups == 0 && s.queries <= s.keys && s.width <= 256 &&
         s.batch * s.heads * CeilDiv(s.keys, 8) < int64_t{1} << 31;
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

#endif  // TFJS_MAPL_CUDA_ATTENTION_TILES_CUH_
