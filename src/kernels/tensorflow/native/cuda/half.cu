// Halves two a word, with the CPU's rounding. An element is a word.
#include "../half_bits.h"
#include "elements.cuh"

namespace mapl {
namespace cuda {
namespace {

__device__ inline int32_t WordOf(float first, float second) {
  return static_cast<int32_t>(HalfOf(first) | HalfOf(second) << 16);
}
__device__ inline float First(int32_t word) { return FloatOf(static_cast<uint32_t>(word) & 0xffffu); }
__device__ inline float Second(int32_t word) { return FloatOf(static_cast<uint32_t>(word) >> 16); }

// Of an odd number of values the last word has one.
struct Pack {
  const float* x;
  int32_t* packed;
  int64_t size;
  __device__ void One(int64_t i) const {
    packed[i] = WordOf(x[2 * i], 2 * i + 1 < size ? x[2 * i + 1] : 0.0f);
  }
  __device__ void Four(int64_t i) const {
    const float4 a = Load4(x + 2 * i), b = LoadUpTo4(x + 2 * i + 4, size - 2 * i - 4, true);
    Store4(packed + i, make_int4(WordOf(a.x, a.y), WordOf(a.z, a.w), WordOf(b.x, b.y), WordOf(b.z, b.w)));
  }
};

struct Unpack {
  const int32_t* packed;
  float* x;
  int64_t size;
  __device__ void One(int64_t i) const {
    x[2 * i] = First(packed[i]);
    if (2 * i + 1 < size) x[2 * i + 1] = Second(packed[i]);
  }
  __device__ void Four(int64_t i) const {
    const int4 w = Load4(packed + i);
    Store4(x + 2 * i, make_float4(First(w.x), Second(w.x), First(w.y), Second(w.y)));
    StoreUpTo4(x + 2 * i + 4, make_float4(First(w.z), Second(w.z), First(w.w), Second(w.w)),
               size - 2 * i - 4, true);
  }
};

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_pack_half(const float* x, int32_t* packed, int64_t size,
                                      cudaStream_t stream) {
  return Run(Pack{x, packed, size}, (size + 1) / 2, Aligned(x, packed), stream);
}

extern "C" cudaError_t mapl_unpack_half(const int32_t* packed, float* x, int64_t size,
                                        cudaStream_t stream) {
  return Run(Unpack{packed, x, size}, (size + 1) / 2, Aligned(packed, x), stream);
}
