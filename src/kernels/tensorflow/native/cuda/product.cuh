// Matrix products in float32 (no TF32) on tiles in shared memory, for the shapes of boundaries and polar factors: a left
// operand that is gathered by ids, two products added up, results that are symmetric. Without cuBLAS, so that the sources need
// nothing but nvcc and sums have one order.
//
// Products with few tiles are cut along the inner dimension; the shares go to a workspace and are added in order.
#ifndef TFJS_MAPL_CUDA_PRODUCT_CUH_
#define TFJS_MAPL_CUDA_PRODUCT_CUH_

#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

// Element (i,k) at data[i · row + k · column], one of the strides being 1. With ids row ids[i] takes the place of i; ids
// outside 0 … limit − 1 give NaN.
struct Left {
  const float* data;
  int64_t row, column, batch;
  const int32_t* ids;
  int64_t limit;
  bool vector;  // Four neighbours are aligned.
};

// Element (k,j) at data[k · row + j · column], one of the strides being 1.
struct Right {
  const float* data;
  int64_t row, column, batch;
  bool vector;
};

struct Term {
  Left a;
  Right b;
  int64_t inner;
};

// out [batch,rows,columns] = alpha Σ over terms a · b + beta · add.
struct Product {
  Term terms[2];
  int64_t rows, columns, batch;
  float* out;
  const float* add;  // As `out`; null if beta is 0.
  float alpha, beta;
  bool symmetric;  // Rows = columns, and tiles below the diagonal are copied.
  int64_t splits, share;  // Of the inner dimensions, one behind the other; `share` a multiple of kDepth.
};

constexpr int kDepth = 16;

inline bool AlignedStride(const float* data, int64_t stride, int64_t batch) {
  return Aligned(data) && stride % 4 == 0 && batch % 4 == 0;
}

inline Left LeftOf(const float* data, int64_t row, int64_t column, int64_t batch = 0,
                   const int32_t* ids = nullptr, int64_t limit = 0) {
  return {data, row, column, batch, ids, limit, AlignedStride(data, column == 1 ? row : column, batch)};
}

inline Right RightOf(const float* data, int64_t row, int64_t column, int64_t batch = 0) {
  return {data, row, column, batch, AlignedStride(data, column == 1 ? row : column, batch)};
}

__device__ inline float4 Splat4(float v) { return make_float4(v, v, v, v); }

// Four neighbours of the left operand, along the inner dimension (i; k … k + 3) or along rows (i … i + 3; k).
__device__ inline float4 LoadLeft(const Left& a, int64_t i, int64_t k, int64_t rows, int64_t end,
                                  bool vector) {
  if (i >= rows || k >= end) return Splat4(0.0f);
  if (a.column != 1) return LoadUpTo4(a.data + k * a.column + i, rows - i, vector);
  int64_t row = i;
  if (a.ids != nullptr) {
    row = a.ids[i];
    if (row < 0 || row >= a.limit) return Splat4(NAN);
  }
  return LoadUpTo4(a.data + row * a.row + k, end - k, vector);
}

__device__ inline float4 LoadRight(const Right& b, int64_t k, int64_t j, int64_t end,
                                   int64_t columns, bool vector) {
  if (k >= end || j >= columns) return Splat4(0.0f);
  if (b.column == 1) return LoadUpTo4(b.data + k * b.row + j, columns - j, vector);
  return LoadUpTo4(b.data + j * b.column + k, end - k, vector);
}

// Thread t of 256 has row 4 (t / 16) + 64 h + 0 … 3 and column 4 (t % 16) + 64 h + 0 … 3 of the tile, h < kTile / 64.
template <int kTile>
struct Block {
  static constexpr int kHalves = kTile / 64;
  static constexpr int kMicro = 4 * kHalves;
  static constexpr int kRow = kTile + 4;

  // Tiles of the operands, [kDepth,kTile], twice: one is read while the other is written.
  float a[2][kDepth][kRow], b[2][kDepth][kRow];
};

template <int kTile>
__global__ void __launch_bounds__(256, 2) Multiply(Product p, float* shares) {
  using B = Block<kTile>;
  constexpr int kAcross = kTile / 4;  // Fours along rows or columns of a tile.
  __shared__ __align__(16) B block;
  const int64_t tile_i = blockIdx.x * int64_t{kTile}, tile_j = blockIdx.y * int64_t{kTile};
  if (p.symmetric && tile_j < tile_i) return;
  const int64_t matrix = blockIdx.z / p.splits, split = blockIdx.z % p.splits;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float sums[B::kMicro][B::kMicro];
#pragma unroll
  for (int i = 0; i < B::kMicro; i++) {
#pragma unroll
    for (int j = 0; j < B::kMicro; j++) sums[i][j] = 0.0f;
  }
  int64_t before = 0;  // Inner dimensions of earlier terms.
#pragma unroll 1
  for (int term = 0; term < 2; term++) {
    Left a = p.terms[term].a;
    Right b = p.terms[term].b;
    a.data += matrix * a.batch;
    b.data += matrix * b.batch;
    const int64_t inner = p.terms[term].inner;
    int64_t begin = split * p.share - before, end = (split + 1) * p.share - before;
    begin = begin > 0 ? begin : 0;
    end = end < inner ? end : inner;
    before += inner;
    if (begin >= end) continue;
    const bool whole = begin % 4 == 0;
    const bool a_along = a.column == 1, b_along = b.column != 1;  // Fours along the inner dimension.
    const bool a_vector = a.vector && (whole || !a_along), b_vector = b.vector && (whole || !b_along);
    float4 next_a[B::kHalves], next_b[B::kHalves];
    const auto fetch = [&](int64_t k) {
#pragma unroll
      for (int h = 0; h < B::kHalves; h++) {
        const int t = threadIdx.x + 256 * h;
        next_a[h] = a_along ? LoadLeft(a, tile_i + t / 4, k + t % 4 * 4, p.rows, end, a_vector)
                            : LoadLeft(a, tile_i + t % kAcross * 4, k + t / kAcross, p.rows, end,
                                       a_vector);
        next_b[h] = b_along
                        ? LoadRight(b, k + t % 4 * 4, tile_j + t / 4, end, p.columns, b_vector)
                        : LoadRight(b, k + t / kAcross, tile_j + t % kAcross * 4, end, p.columns,
                                    b_vector);
      }
    };
    const auto put = [&](float (&tile)[kDepth][B::kRow], bool along, int h, float4 v) {
      const int t = threadIdx.x + 256 * h;
      if (along) {
        tile[t % 4 * 4][t / 4] = v.x;
        tile[t % 4 * 4 + 1][t / 4] = v.y;
        tile[t % 4 * 4 + 2][t / 4] = v.z;
        tile[t % 4 * 4 + 3][t / 4] = v.w;
      } else {
        Store4(&tile[t / kAcross][t % kAcross * 4], v);
      }
    };
    __syncthreads();  // The term before has been read.
    fetch(begin);
    int buffer = 0;
#pragma unroll 1
    for (int64_t k = begin; k < end; k += kDepth) {
#pragma unroll
      for (int h = 0; h < B::kHalves; h++) {
        put(block.a[buffer], a_along, h, next_a[h]);
        put(block.b[buffer], b_along, h, next_b[h]);
      }
      __syncthreads();
      if (k + kDepth < end) fetch(k + kDepth);
#pragma unroll
      for (int d = 0; d < kDepth; d++) {
        float left[B::kMicro], right[B::kMicro];
#pragma unroll
        for (int h = 0; h < B::kHalves; h++) {
          const float4 l = Load4(&block.a[buffer][d][4 * ty + 64 * h]);
          const float4 r = Load4(&block.b[buffer][d][4 * tx + 64 * h]);
          left[4 * h] = l.x, left[4 * h + 1] = l.y, left[4 * h + 2] = l.z, left[4 * h + 3] = l.w;
          right[4 * h] = r.x, right[4 * h + 1] = r.y, right[4 * h + 2] = r.z, right[4 * h + 3] = r.w;
        }
#pragma unroll
        for (int i = 0; i < B::kMicro; i++) {
#pragma unroll
          for (int j = 0; j < B::kMicro; j++) sums[i][j] += left[i] * right[j];
        }
      }
      buffer ^= 1;
    }
  }
  // Shares are written as they are, results with their factors.
  const bool is_share = p.splits > 1;
  const int64_t size = p.rows * p.columns;
  float* const to = is_share ? shares + (split * p.batch + matrix) * size : p.out + matrix * size;
  const float* const add = is_share || p.add == nullptr ? nullptr : p.add + matrix * size;
  const bool mirror = p.symmetric && tile_j > tile_i;
#pragma unroll
  for (int i = 0; i < B::kMicro; i++) {
    const int64_t row = tile_i + 4 * ty + 64 * (i / 4) + i % 4;
    if (row >= p.rows) continue;
#pragma unroll
    for (int j = 0; j < B::kMicro; j++) {
      const int64_t column = tile_j + 4 * tx + 64 * (j / 4) + j % 4;
      if (column >= p.columns) continue;
      const int64_t at = row * p.columns + column;
      float v = sums[i][j];
      if (!is_share) v = p.alpha * v + (add == nullptr ? 0.0f : p.beta * add[at]);
      to[at] = v;
      if (mirror) to[column * p.columns + row] = v;
    }
  }
}

__global__ void __launch_bounds__(256) AddShares(Product p, const float* shares) {
  const int64_t size = p.batch * p.rows * p.columns;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += gridDim.x * int64_t{256}) {
    float sum = 0.0f;
    for (int64_t split = 0; split < p.splits; split++) sum += shares[split * size + i];
    p.out[i] = p.alpha * sum + (p.add == nullptr ? 0.0f : p.beta * p.add[i]);
  }
}

struct Plan {
  int tile;
  int64_t splits, share;
};

// Large tiles where they fill a large card; where even small ones do not, shares of at least 128 of the inner dimension.
inline Plan PlanOf(int64_t rows, int64_t columns, int64_t inner, int64_t batch, bool symmetric) {
  constexpr int64_t kFull = 132;
  const auto tiles = [=](int64_t tile) {
    const int64_t down = CeilDiv(rows, tile), across = CeilDiv(columns, tile);
    return batch * (symmetric ? down * (down + 1) / 2 : down * across);
  };
  if (tiles(64) == 0) return {64, 1, kDepth};
  if (tiles(128) >= kFull) return {128, 1, CeilDiv(inner, kDepth) * kDepth};
  const int64_t few = 2 * kFull / tiles(64), deep = CeilDiv(inner, 128);
  const int64_t wanted = few < 1 ? 1 : AtMost(32, AtMost(few, deep));
  const int64_t share = CeilDiv(CeilDiv(inner, wanted < 1 ? 1 : wanted), kDepth) * kDepth;
  return {64, share == 0 ? 1 : CeilDiv(inner, share), share};
}

// Bytes for the shares of such a product.
inline int64_t SharesOf(int64_t rows, int64_t columns, int64_t inner, int64_t batch,
                        bool symmetric) {
  const int64_t splits = PlanOf(rows, columns, inner, batch, symmetric).splits;
  return splits == 1 ? 0 : splits * batch * rows * columns * static_cast<int64_t>(sizeof(float));
}

inline cudaError_t Run(Product p, float* shares, cudaStream_t stream) {
  if (p.batch * p.rows * p.columns == 0) return cudaSuccess;
  const Plan plan = PlanOf(p.rows, p.columns, p.terms[0].inner + p.terms[1].inner, p.batch,
                           p.symmetric);
  p.splits = plan.splits;
  p.share = plan.share;
  const int64_t across = CeilDiv(p.columns, plan.tile);
  if (across > 65535 || p.batch * p.splits > 65535) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>(CeilDiv(p.rows, plan.tile)), static_cast<unsigned>(across),
                  static_cast<unsigned>(p.batch * p.splits));
  const cudaError_t error = Launch(plan.tile == 128 ? Multiply<128> : Multiply<64>, grid, 256, 0,
                                   stream, p, shares);
  if (error != cudaSuccess || p.splits == 1) return error;
  return Launch(AddShares, StrideGrid(p.batch * p.rows * p.columns), 256, 0, stream, p, shares);
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

#endif  // TFJS_MAPL_CUDA_PRODUCT_CUH_
