// Cross-entropy from logits and ids. A block reads its row once, with the running maximum and sum of the online softmax.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kThreads = 512;

// Σ exp(values − largest), as a pair.
struct Partial {
  float largest, sum;
};

// Where everything so far is −∞ the sums are 0, and a difference of infinities would make them NaN.
__device__ inline float Shift(float largest) { return largest == -INFINITY ? 0.0f : largest; }

__device__ inline Partial Merge(Partial a, Partial b) {
  const float largest = fmaxf(a.largest, b.largest);
  const float shift = Shift(largest);
  return {largest, a.sum * expf(a.largest - shift) + b.sum * expf(b.largest - shift)};
}

// fmaxf leaves NaN out, the exponentials bring it into the sum.
__device__ inline Partial Take(Partial p, float v) {
  const float largest = fmaxf(p.largest, v);
  const float shift = Shift(largest);
  return {largest, p.sum * expf(p.largest - shift) + expf(v - shift)};
}

__device__ inline Partial Take4(Partial p, float4 v) {
  const float largest = fmaxf(p.largest, fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)));
  const float shift = Shift(largest);
  return {largest, p.sum * expf(p.largest - shift) + ((expf(v.x - shift) + expf(v.y - shift)) +
                                                      (expf(v.z - shift) + expf(v.w - shift)))};
}

// Elements of a row before its first aligned address: rows of an odd number of classes begin anywhere.
__device__ inline int64_t Head(const float* row, int64_t classes) {
  const int64_t head = (16 - reinterpret_cast<uintptr_t>(row) % 16) % 16 / 4;
  return head < classes ? head : classes;
}

__global__ void __launch_bounds__(kThreads)
    Loss(const float* logits, const int32_t* targets, float* loss, float* lse, int64_t n,
         int64_t classes) {
  __shared__ float largest_of[kThreads / 32], sum_of[kThreads / 32];
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const float* row = logits + i * classes;
    const int64_t head = Head(row, classes), quads = (classes - head) / 4;
    Partial p = {-INFINITY, 0.0f};
    if (threadIdx.x < head) p = Take(p, row[threadIdx.x]);
    for (int64_t j = threadIdx.x; j < quads; j += kThreads) p = Take4(p, Load4(row + head + 4 * j));
    const int64_t rest = head + 4 * quads + threadIdx.x;
    if (rest < classes) p = Take(p, row[rest]);
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const Partial other = {__shfl_xor_sync(kAllLanes, p.largest, offset),
                             __shfl_xor_sync(kAllLanes, p.sum, offset)};
      p = Merge(p, other);
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
      largest_of[threadIdx.x / 32] = p.largest;
      sum_of[threadIdx.x / 32] = p.sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int warp = 1; warp < kThreads / 32; warp++) {
        p = Merge(p, {largest_of[warp], sum_of[warp]});
      }
      const float log_sum = logf(p.sum);
      const int32_t target = targets[i];
      lse[i] = p.largest + log_sum;
      // Not lse − logit: both may be large and their difference small.
      loss[i] = target >= 0 && target < classes ? log_sum + (p.largest - row[target]) : NAN;
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    Gradient(const float* logits, const int32_t* targets, const float* lse, const float* dloss,
             float* dlogits, int64_t n, int64_t classes, bool vector) {
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const float* row = logits + i * classes;
    float* to = dlogits + i * classes;
    const float shift = lse[i], scale = dloss[i];
    const int64_t target = targets[i];
    const float hot = target >= 0 && target < classes ? 1.0f : NAN, cold = hot - 1.0f;
    const auto value = [=](float v, int64_t j) {
      return (expf(v - shift) - (j == target ? hot : cold)) * scale;
    };
    // Both rows have the same alignment, or single elements are read.
    const int64_t head = vector ? Head(row, classes) : classes;
    const int64_t quads = (classes - head) / 4;
    for (int64_t j = threadIdx.x; j < head; j += kThreads) to[j] = value(row[j], j);
    for (int64_t j = threadIdx.x; j < quads; j += kThreads) {
      const int64_t at = head + 4 * j;
      const float4 v = Load4(row + at);
      Store4(to + at, make_float4(value(v.x, at), value(v.y, at + 1), value(v.z, at + 2),
                                  value(v.w, at + 3)));
    }
    const int64_t rest = head + 4 * quads + threadIdx.x;
    if (rest < classes) to[rest] = value(row[rest], rest);
  }
}

unsigned Blocks(int64_t n) { return static_cast<unsigned>(AtMost(n, int64_t{1} << 20)); }

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_sparse_cross_entropy(const float* logits, const int32_t* targets,
                                                 float* loss, float* lse, int64_t n,
                                                 int64_t classes, cudaStream_t stream) {
  if (n * classes == 0) return cudaSuccess;
  return Launch(Loss, Blocks(n), kThreads, 0, stream, logits, targets, loss, lse, n, classes);
}

extern "C" cudaError_t mapl_sparse_cross_entropy_grad(const float* logits, const int32_t* targets,
                                                      const float* lse, const float* dloss,
                                                      float* dlogits, int64_t n, int64_t classes,
                                                      cudaStream_t stream) {
  if (n * classes == 0) return cudaSuccess;
  const bool vector =
      reinterpret_cast<uintptr_t>(logits) % 16 == reinterpret_cast<uintptr_t>(dlogits) % 16;
  return Launch(Gradient, Blocks(n), kThreads, 0, stream, logits, targets, lse, dloss, dlogits, n,
                classes, vector);
}
