// Sums of squares of a list of tensors: up to kList of them a launch.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kList = 128;     // 2 KiB of a kernel's parameters.
constexpr int kPartials = 64;  // Blocks of a tensor.

struct List {
  const float* tensors[kList];
  int64_t sizes[kList];
};

__global__ void __launch_bounds__(256) Squares(List list, float* partial) {
  __shared__ float memory[8];
  const float* values = list.tensors[blockIdx.y];
  const int64_t size = list.sizes[blockIdx.y];
  const int64_t quads = reinterpret_cast<uintptr_t>(values) % 16 == 0 ? size / 4 : 0;
  const int64_t thread = blockIdx.x * int64_t{256} + threadIdx.x;
  float sum = 0.0f;
  for (int64_t i = thread; i < quads; i += kPartials * 256) {
    const float4 v = Load4(values + 4 * i);
    sum += (v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w);
  }
  for (int64_t i = 4 * quads + thread; i < size; i += kPartials * 256) sum += values[i] * values[i];
  sum = BlockSum<256>(sum, memory);
  if (threadIdx.x == 0) partial[blockIdx.y * kPartials + blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kPartials) Sum(const float* partial, float* squares) {
  __shared__ float memory[kPartials / 32];
  const float sum = BlockSum<kPartials>(partial[blockIdx.x * kPartials + threadIdx.x], memory);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" int64_t mapl_global_norm_workspace(int64_t count) {
  return count * kPartials * sizeof(float);
}

extern "C" cudaError_t mapl_global_norm(const float* const* tensors, const int64_t* sizes,
                                        int64_t count, float* squares, void* workspace,
                                        cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  float* const partial = static_cast<float*>(workspace);
  for (int64_t first = 0; first < count; first += kList) {
    const int64_t some = AtMost(kList, count - first);
    List list = {};
    for (int64_t t = 0; t < some; t++) {
      list.tensors[t] = tensors[first + t];
      list.sizes[t] = sizes[first + t];
    }
    const cudaError_t error = Launch(Squares, dim3(kPartials, static_cast<unsigned>(some)), 256, 0,
                                     stream, list, partial + first * kPartials);
    if (error != cudaSuccess) return error;
  }
  return Launch(Sum, static_cast<unsigned>(count), kPartials, 0, stream, partial, squares);
}
