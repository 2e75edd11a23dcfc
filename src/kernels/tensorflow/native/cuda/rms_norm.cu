// RMSNorm and its gradient. A group of threads has a row in registers, so that it is read once.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kMinBlock = 256;

// kThreads of a row, kQuads times four neighbouring columns a thread.
template <int kThreads, int kQuads>
struct Shape {
  static constexpr int kBlock = kThreads > kMinBlock ? kThreads : kMinBlock;
  static constexpr int kRows = kBlock / kThreads;
  // More than one row in a block only where a row is one warp's.
  static_assert(kThreads == 32 || kRows == 1, "a row of several warps has a block of its own");
};

template <int kThreads>
__device__ inline float RowSum(float v, float* memory) {
  return kThreads == 32 ? WarpSum(v) : BlockSum<kThreads>(v, memory);
}

__device__ inline float Dot4(float4 a, float4 b) {
  return (a.x * b.x + a.y * b.y) + (a.z * b.z + a.w * b.w);
}

template <int kThreads, int kQuads>
__global__ void __launch_bounds__(Shape<kThreads, kQuads>::kBlock)
    Forward(const float* x, const float* weight, float* y, int64_t n, int64_t d, float epsilon,
            bool vector) {
  __shared__ float memory[32];
  const int thread = threadIdx.x % kThreads;
  const int64_t row = blockIdx.x * int64_t{Shape<kThreads, kQuads>::kRows} + threadIdx.x / kThreads;
  if (row >= n) return;  // A whole warp.
  float4 values[kQuads];
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kQuads; i++) {
    const int64_t column = (i * kThreads + thread) * 4;
    values[i] = LoadUpTo4(x + row * d + column, d - column, vector);
    sum += Dot4(values[i], values[i]);
  }
  const float mean = RowSum<kThreads>(sum, memory) / static_cast<float>(d);
  const float inverse = 1.0f / sqrtf(mean + epsilon);
#pragma unroll
  for (int i = 0; i < kQuads; i++) {
    const int64_t column = (i * kThreads + thread) * 4;
    const float4 w = LoadUpTo4(weight + column, d - column, vector), v = values[i];
    StoreUpTo4(y + row * d + column,
               make_float4(v.x * inverse * w.x, v.y * inverse * w.y, v.z * inverse * w.z,
                           v.w * inverse * w.w),
               d - column, vector);
  }
}

// With g = dy · weight and 1/rms = inverse: dx = g inverse − x inverse³ mean(g x). A block takes the rows
// block · kRows + i · gridDim · kRows; `partial` [gridDim,d] gets its sums of dy x inverse.
template <int kThreads, int kQuads>
__global__ void __launch_bounds__(Shape<kThreads, kQuads>::kBlock)
    Backward(const float* x, const float* weight, const float* dy, float* dx, float* partial,
             int64_t n, int64_t d, float epsilon, bool vector) {
  constexpr int kRows = Shape<kThreads, kQuads>::kRows;
  __shared__ float memory[32];
  // Partial sums of the warps, 4 columns of each thread at a time.
  __shared__ float4 sums_of[Shape<kThreads, kQuads>::kBlock];
  const int thread = threadIdx.x % kThreads;
  const int group = threadIdx.x / kThreads;
  float4 sums[kQuads];
#pragma unroll
  for (int i = 0; i < kQuads; i++) sums[i] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  for (int64_t row = blockIdx.x * int64_t{kRows} + group; row < n;
       row += gridDim.x * int64_t{kRows}) {
    float4 values[kQuads], grads[kQuads];
    float squares = 0.0f, along = 0.0f;
#pragma unroll
    for (int i = 0; i < kQuads; i++) {
      const int64_t column = (i * kThreads + thread) * 4;
      const float4 v = LoadUpTo4(x + row * d + column, d - column, vector);
      const float4 g = LoadUpTo4(dy + row * d + column, d - column, vector);
      const float4 w = LoadUpTo4(weight + column, d - column, vector);
      squares += Dot4(v, v);
      along += Dot4(make_float4(g.x * w.x, g.y * w.y, g.z * w.z, g.w * w.w), v);
      values[i] = v;
      grads[i] = g;
    }
    squares = RowSum<kThreads>(squares, memory);
    along = RowSum<kThreads>(along, memory);
    const float width = static_cast<float>(d);
    const float inverse = 1.0f / sqrtf(squares / width + epsilon);
    const float factor = along * inverse * inverse * inverse / width;
#pragma unroll
    for (int i = 0; i < kQuads; i++) {
      const int64_t column = (i * kThreads + thread) * 4;
      const float4 v = values[i], g = grads[i];
      const float4 w = LoadUpTo4(weight + column, d - column, vector);
      StoreUpTo4(dx + row * d + column,
                 make_float4(g.x * w.x * inverse - v.x * factor, g.y * w.y * inverse - v.y * factor,
                             g.z * w.z * inverse - v.z * factor, g.w * w.w * inverse - v.w * factor),
                 d - column, vector);
      sums[i].x += g.x * v.x * inverse;
      sums[i].y += g.y * v.y * inverse;
      sums[i].z += g.z * v.z * inverse;
      sums[i].w += g.w * v.w * inverse;
    }
  }
#pragma unroll
  for (int i = 0; i < kQuads; i++) {
    float4 sum = sums[i];
    if (kRows > 1) {
      __syncthreads();
      sums_of[threadIdx.x] = sum;
      __syncthreads();
      if (group != 0) continue;
#pragma unroll
      for (int other = 1; other < kRows; other++) {
        const float4 more = sums_of[other * kThreads + thread];
        sum.x += more.x;
        sum.y += more.y;
        sum.z += more.z;
        sum.w += more.w;
      }
    }
    const int64_t column = (i * kThreads + thread) * 4;
    StoreUpTo4(partial + blockIdx.x * d + column, sum, d - column, vector);
  }
}

// dweight[j] = Σ over blocks of partial[block,j]: 32 columns and 8 shares of the blocks a block.
__global__ void __launch_bounds__(256)
    SumPartials(const float* partial, float* dweight, int64_t blocks, int64_t d) {
  __shared__ float shares[8][32];
  const int lane = threadIdx.x % 32, share = threadIdx.x / 32;
  const int64_t column = blockIdx.x * int64_t{32} + lane;
  float sum = 0.0f;
  if (column < d) {
    for (int64_t b = share; b < blocks; b += 8) sum += partial[b * d + column];
  }
  shares[share][lane] = sum;
  __syncthreads();
  if (share != 0 || column >= d) return;
  for (int i = 1; i < 8; i++) sum += shares[i][lane];
  dweight[column] = sum;
}

constexpr int64_t kPartials = 264;  // Two blocks for each multiprocessor of a large card.

int64_t BackwardBlocks(int64_t n, int64_t d) {
  return AtMost(kPartials, CeilDiv(n, d <= 1024 ? kMinBlock / 32 : 1));
}

template <int kThreads, int kQuads>
cudaError_t RunForward(const float* x, const float* weight, float* y, int64_t n, int64_t d,
                       float epsilon, bool vector, cudaStream_t stream) {
  using S = Shape<kThreads, kQuads>;
  return Launch(Forward<kThreads, kQuads>, static_cast<unsigned>(CeilDiv(n, S::kRows)), S::kBlock, 0,
                stream, x, weight, y, n, d, epsilon, vector);
}

template <int kThreads, int kQuads>
cudaError_t RunBackward(const float* x, const float* weight, const float* dy, float* dx,
                        float* partial, int64_t n, int64_t d, float epsilon, bool vector,
                        cudaStream_t stream) {
  return Launch(Backward<kThreads, kQuads>, static_cast<unsigned>(BackwardBlocks(n, d)),
                Shape<kThreads, kQuads>::kBlock, 0, stream, x, weight, dy, dx, partial, n, d,
                epsilon, vector);
}

// The smallest shape that holds a row of d.
#define MAPL_BY_WIDTH(run, ...)                        \
  (d <= 128     ? run<32, 1>(__VA_ARGS__)              \
   : d <= 256   ? run<32, 2>(__VA_ARGS__)              \
   : d <= 512   ? run<32, 4>(__VA_ARGS__)              \
   : d <= 1024  ? run<32, 8>(__VA_ARGS__)              \
   : d <= 2048  ? run<256, 2>(__VA_ARGS__)             \
   : d <= 4096  ? run<256, 4>(__VA_ARGS__)             \
   : d <= 8192  ? run<256, 8>(__VA_ARGS__)             \
   : d <= 32768 ? run<1024, 8>(__VA_ARGS__)            \
                : cudaErrorInvalidValue)

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_rms_norm(const float* x, const float* weight, float* y, int64_t n,
                                     int64_t d, float epsilon, cudaStream_t stream) {
  if (n * d == 0) return cudaSuccess;
  const bool vector = d % 4 == 0 && Aligned(x, weight, y);
  return MAPL_BY_WIDTH(RunForward, x, weight, y, n, d, epsilon, vector, stream);
}

extern "C" int64_t mapl_rms_norm_grad_workspace(int64_t n, int64_t d) {
  return BackwardBlocks(n, d) * d * sizeof(float);
}

extern "C" cudaError_t mapl_rms_norm_grad(const float* x, const float* weight, const float* dy,
                                          float* dx, float* dweight, void* workspace, int64_t n,
                                          int64_t d, float epsilon, cudaStream_t stream) {
  if (d == 0) return cudaSuccess;
  if (n == 0) return cudaMemsetAsync(dweight, 0, d * sizeof(float), stream);
  float* const partial = static_cast<float*>(workspace);
  const bool vector = d % 4 == 0 && Aligned(x, weight, dy, dx, partial);
  const cudaError_t error =
      MAPL_BY_WIDTH(RunBackward, x, weight, dy, dx, partial, n, d, epsilon, vector, stream);
  if (error != cudaSuccess) return error;
  return Launch(SumPartials, static_cast<unsigned>(CeilDiv(d, 32)), 256, 0, stream, partial,
                dweight, BackwardBlocks(n, d), d);
}
