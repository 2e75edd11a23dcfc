// Residual vector quantisation. A block has 64 rows of one group through all rounds: residuals stay in shared memory, codes
// pass by in tiles, and no distance outlives its tile.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kRows = 64;
constexpr int kCodes = 64;
constexpr int64_t kMaxWidth = 512;

// Rounded before it is added, as every tfjs backend does: a fused multiply-add would break ties between codes that are
// equally near.
__device__ inline float AddSquare(float sum, float v) { return __fadd_rn(sum, __fmul_rn(v, v)); }

__device__ inline bool Finite(float v) { return fabsf(v) < INFINITY; }

// Floats from one residual to the next: whole tiles of kDepth coordinates, and 4 more, so that rows that follow each
// other begin in different banks.
template <int kDepth>
__host__ __device__ inline int64_t ResidualRow(int64_t width) {
  return (width + kDepth - 1) / kDepth * kDepth + 4;
}

// Thread (tx, ty) of 16 × 16 compares the rows 4 ty + i with the codes tx + 16 j of a tile of kDepth coordinates.
template <int kDepth>
__global__ void __launch_bounds__(256)
    Encode(const float* z, const float* codebooks, int32_t* indices, int64_t rows, int64_t rounds,
           int64_t groups, int64_t codes, int64_t width) {
  MAPL_DYNAMIC_SHARED(shared);
  __shared__ int32_t winners[kRows];
  __shared__ int32_t row_sound[kRows];
  constexpr int kTileRow = kDepth + 4;
  const int residual_row = static_cast<int>(ResidualRow<kDepth>(width));
  float* const residuals = shared;                     // [kRows,residual_row], zeros past width.
  float* const tile = shared + kRows * residual_row;  // [kCodes,kTileRow]
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const int64_t first = blockIdx.x * int64_t{kRows}, group = blockIdx.y;
  const int64_t row = groups * width;
  for (int i = threadIdx.x; i < kRows * residual_row; i += 256) {
    const int r = i / residual_row, c = i % residual_row;
    residuals[i] = first + r < rows && c < width ? z[(first + r) * row + group * width + c] : 0.0f;
  }
  __syncthreads();
  if (threadIdx.x < kRows) {
    bool sound = true;
    for (int c = 0; c < width; c++) sound &= Finite(residuals[threadIdx.x * residual_row + c]);
    row_sound[threadIdx.x] = sound;
  }
  for (int64_t round = 0; round < rounds; round++) {
    const float* const book = codebooks + (round * groups + group) * codes * width;
    float best[4];
    int32_t index[4];
    bool codes_sound = true;  // Those that this thread loads.
    for (int i = 0; i < 4; i++) {
      best[i] = INFINITY;
      index[i] = 0x7fffffff;
    }
    for (int64_t code = 0; code < codes; code += kCodes) {
      float distances[4][4] = {};
      for (int64_t depth = 0; depth < width; depth += kDepth) {
        __syncthreads();
        for (int i = threadIdx.x; i < kCodes * kDepth; i += 256) {
          const int64_t k = code + i / kDepth, c = depth + i % kDepth;
          const float value = k < codes && c < width ? book[k * width + c] : 0.0f;
          codes_sound &= Finite(value);
          tile[i / kDepth * kTileRow + i % kDepth] = value;
        }
        __syncthreads();
#pragma unroll
        for (int c = 0; c < kDepth; c += 4) {
          float4 left[4], right[4];
#pragma unroll
          for (int i = 0; i < 4; i++) {
            left[i] = Load4(residuals + (4 * ty + i) * residual_row + depth + c);
            right[i] = Load4(tile + (tx + 16 * i) * kTileRow + c);
          }
#pragma unroll
          for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) {
              const float x = left[i].x - right[j].x, y = left[i].y - right[j].y;
              const float u = left[i].z - right[j].z, w = left[i].w - right[j].w;
              distances[i][j] = AddSquare(distances[i][j], x);
              distances[i][j] = AddSquare(distances[i][j], y);
              distances[i][j] = AddSquare(distances[i][j], u);
              distances[i][j] = AddSquare(distances[i][j], w);
            }
          }
        }
      }
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const int64_t k = code + tx + 16 * j;
          // Codes come in ascending order: strictly nearer keeps the lowest index.
          if (k < codes && distances[i][j] < best[i]) {
            best[i] = distances[i][j];
            index[i] = static_cast<int32_t>(k);
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int offset = 8; offset > 0; offset /= 2) {
        const float distance = __shfl_xor_sync(kAllLanes, best[i], offset);
        const int32_t other = __shfl_xor_sync(kAllLanes, index[i], offset);
        if (distance < best[i] || (distance == best[i] && other < index[i])) {
          best[i] = distance;
          index[i] = other;
        }
      }
      if (tx == 0) winners[4 * ty + i] = index[i] == 0x7fffffff ? 0 : index[i];
    }
    const bool book_sound = __syncthreads_and(codes_sound) != 0;
    if (threadIdx.x < kRows && first + threadIdx.x < rows) {
      const bool sound = row_sound[threadIdx.x] != 0 && book_sound;
      indices[(round * rows + first + threadIdx.x) * groups + group] =
          sound ? winners[threadIdx.x] : -1;
    }
    for (int i = threadIdx.x; i < kRows * static_cast<int>(width); i += 256) {
      const int r = i / static_cast<int>(width), c = i % static_cast<int>(width);
      residuals[r * residual_row + c] -= book[winners[r] * width + c];
    }
    // The next round begins with a barrier before it reads.
  }
}

__global__ void __launch_bounds__(256)
    Decode(const int32_t* indices, const float* codebooks, float* z, int64_t rows, int64_t rounds,
           int64_t groups, int64_t codes, int64_t width) {
  const int64_t row = groups * width, size = rows * row;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += gridDim.x * int64_t{256}) {
    const int64_t r = i / row, group = i % row / width, c = i % width;
    float sum = 0.0f;
    for (int64_t round = 0; round < rounds; round++) {
      const int32_t code = indices[(round * rows + r) * groups + group];
      const bool within = code >= 0 && code < codes;
      sum += within ? codebooks[((round * groups + group) * codes + code) * width + c] : NAN;
    }
    z[i] = sum;
  }
}

template <int kDepth>
cudaError_t RunEncode(const float* z, const float* codebooks, int32_t* indices, int64_t rows,
                      int64_t rounds, int64_t groups, int64_t codes, int64_t width,
                      cudaStream_t stream) {
  const size_t shared =
      (kRows * ResidualRow<kDepth>(width) + kCodes * (kDepth + 4)) * sizeof(float);
  const dim3 grid(static_cast<unsigned>(CeilDiv(rows, kRows)), static_cast<unsigned>(groups));
  return Launch(Encode<kDepth>, grid, 256, shared, stream, z, codebooks, indices, rows, rounds,
                groups, codes, width);
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_rvq_encode(const float* z, const float* codebooks, int32_t* indices,
                                       int64_t rows, int64_t rounds, int64_t groups, int64_t codes,
                                       int64_t width, cudaStream_t stream) {
  if (rows * rounds * groups == 0) return cudaSuccess;
  if (width < 1 || width > kMaxWidth || groups > 65535 || codes < 1 || codes >= 0x7fffffff) {
    return cudaErrorInvalidValue;
  }
  const auto run = width <= 8 ? RunEncode<8> : width <= 16 ? RunEncode<16> : RunEncode<32>;
  return run(z, codebooks, indices, rows, rounds, groups, codes, width, stream);
}

extern "C" cudaError_t mapl_rvq_decode(const int32_t* indices, const float* codebooks, float* z,
                                       int64_t rows, int64_t rounds, int64_t groups, int64_t codes,
                                       int64_t width, cudaStream_t stream) {
  const int64_t size = rows * groups * width;
  if (size == 0) return cudaSuccess;
  return Launch(Decode, StrideGrid(size), 256, 0, stream, indices, codebooks, z, rows, rounds,
                groups, codes, width);
}
