// Launching, reductions in a fixed order, and loads of four neighbours.
//
// Compiles also against the emulator of test/cuda/emulator, which runs blocks on the CPU: hence `Launch` in place of
// <<< >>> and a macro for dynamic shared memory.
#ifndef TFJS_MAPL_CUDA_COMMON_CUH_
#define TFJS_MAPL_CUDA_COMMON_CUH_

#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>

#include "launchers.h"

#ifndef MAPL_EMULATOR
#define MAPL_DYNAMIC_SHARED(name) extern __shared__ __align__(16) float name[]
#endif

namespace mapl {
namespace cuda {

constexpr unsigned kAllLanes = 0xffffffffu;
// Shared memory that needs no permission.
constexpr size_t kPlainShared = 48 << 10;

#ifndef MAPL_EMULATOR
// Bytes of shared memory that a block can ask for: 163 KiB and more of sm_80, sm_90 and sm_100, 99 KiB of many smaller cards.
inline size_t SharedLimit() {
  int device = 0, bytes = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  }
  return error == cudaSuccess ? static_cast<size_t>(bytes) : kPlainShared;
}

template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                   cudaStream_t stream, Arguments... arguments) {
  if (shared > kPlainShared) {
    const cudaError_t error = cudaFuncSetAttribute(
        reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
        static_cast<int>(shared));
    if (error != cudaSuccess) {
      cudaGetLastError();  // Else the next launch would report it too.
      return error;
    }
  }
  kernel<<<grid, block, shared, stream>>>(static_cast<Parameters>(arguments)...);
  return cudaGetLastError();
}
#endif

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t AtMost(int64_t a, int64_t b) { return a < b ? a : b; }

template <typename... Pointers>
bool Aligned(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// Blocks of 256 threads for a loop over `items` with a stride of the grid.
inline unsigned StrideGrid(int64_t items) {
  return static_cast<unsigned>(AtMost(CeilDiv(items, 256), 8192));
}

__device__ inline float4 Load4(const float* from) { return *reinterpret_cast<const float4*>(from); }
__device__ inline void Store4(float* to, float4 v) { *reinterpret_cast<float4*>(to) = v; }
__device__ inline int4 Load4(const int32_t* from) { return *reinterpret_cast<const int4*>(from); }
__device__ inline void Store4(int32_t* to, int4 v) { *reinterpret_cast<int4*>(to) = v; }

// The first `count` of four floats, zeros behind them; `vector`: the address is aligned.
__device__ inline float4 LoadUpTo4(const float* from, int64_t count, bool vector) {
  if (vector && count >= 4) return Load4(from);
  float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  if (count > 0) v.x = from[0];
  if (count > 1) v.y = from[1];
  if (count > 2) v.z = from[2];
  if (count > 3) v.w = from[3];
  return v;
}

__device__ inline void StoreUpTo4(float* to, float4 v, int64_t count, bool vector) {
  if (vector && count >= 4) {
    Store4(to, v);
    return;
  }
  if (count > 0) to[0] = v.x;
  if (count > 1) to[1] = v.y;
  if (count > 2) to[2] = v.z;
  if (count > 3) to[3] = v.w;
}

// The same sum in all lanes of each group of `kLanes` neighbours.
template <int kLanes = 32>
__device__ inline float WarpSum(float v) {
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) {
    v += __shfl_xor_sync(kAllLanes, v, offset);
  }
  return v;
}

template <int kLanes = 32>
__device__ inline float WarpMax(float v) {
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) {
    v = fmaxf(v, __shfl_xor_sync(kAllLanes, v, offset));
  }
  return v;
}

// The sum over a block of kThreads, in all of them. `memory`: kThreads / 32 floats of shared memory.
template <int kThreads>
__device__ inline float BlockSum(float v, float* memory) {
  v = WarpSum(v);
  if (kThreads == 32) return v;
  __syncthreads();
  if (threadIdx.x % 32 == 0) memory[threadIdx.x / 32] = v;
  __syncthreads();
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kThreads / 32; i++) sum += memory[i];
  return sum;
}

template <int kThreads>
__device__ inline float BlockMax(float v, float* memory) {
  v = WarpMax(v);
  __syncthreads();
  if (threadIdx.x % 32 == 0) memory[threadIdx.x / 32] = v;
  __syncthreads();
  v = memory[0];
#pragma unroll
  for (int i = 1; i < kThreads / 32; i++) v = fmaxf(v, memory[i]);
  return v;
}

}  // namespace cuda
}  // namespace mapl

#endif  // TFJS_MAPL_CUDA_COMMON_CUH_
