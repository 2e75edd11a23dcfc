// One pass over elements: Run calls body.Four(i) for elements i … i + 3 where pointers allow it, body.One(i) for single ones at
// the end or throughout.
#ifndef TFJS_MAPL_CUDA_ELEMENTS_CUH_
#define TFJS_MAPL_CUDA_ELEMENTS_CUH_

#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

template <typename Body>
__global__ void __launch_bounds__(256) Elements(Body body, int64_t size, bool vector) {
  const int64_t thread = blockIdx.x * int64_t{256} + threadIdx.x;
  const int64_t stride = gridDim.x * int64_t{256};
  const int64_t quads = vector ? size / 4 : 0;
  for (int64_t i = thread; i < quads; i += stride) body.Four(4 * i);
  for (int64_t i = 4 * quads + thread; i < size; i += stride) body.One(i);
}

template <typename Body>
cudaError_t Run(Body body, int64_t size, bool vector, cudaStream_t stream) {
  if (size == 0) return cudaSuccess;
  return Launch(Elements<Body>, StrideGrid(vector ? CeilDiv(size, 4) : size), 256, 0, stream, body,
                size, vector);
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

#endif  // TFJS_MAPL_CUDA_ELEMENTS_CUH_
