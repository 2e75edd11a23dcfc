// Rows summed by id, in order of the rows. The rows of an id are listed (by atomic counters, in any order), each list is
// sorted, and a block adds the rows of one list: the result does not depend on the order of the atomics.
#include "common.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSortable = 1024;  // Lists up to here are sorted in shared memory.

__device__ inline bool Within(int32_t id, int64_t segments) { return id >= 0 && id < segments; }

__global__ void __launch_bounds__(kThreads)
    Count(const int32_t* ids, int32_t* counts, int64_t n, int64_t segments) {
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < n; i += gridDim.x * kThreads) {
    if (Within(ids[i], segments)) atomicAdd(counts + ids[i], 1);
  }
}

// starts[s]: sum of the counts before s; starts[segments]: of all. One block.
__global__ void __launch_bounds__(1024)
    Starts(const int32_t* counts, int32_t* starts, int32_t* cursors, int64_t segments) {
  __shared__ int32_t sums[32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int32_t before = 0;
  for (int64_t first = 0; first < segments; first += 1024) {
    const int64_t s = first + threadIdx.x;
    const int32_t count = s < segments ? counts[s] : 0;
    int32_t sum = count;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
      const int32_t left = __shfl_up_sync(kAllLanes, sum, offset);
      if (lane >= offset) sum += left;
    }
    if (lane == 31) sums[warp] = sum;
    __syncthreads();
    int32_t earlier = before, all = 0;
    for (int i = 0; i < 32; i++) {
      if (i < warp) earlier += sums[i];
      all += sums[i];
    }
    if (s < segments) starts[s] = cursors[s] = earlier + sum - count;
    before += all;
    __syncthreads();
  }
  if (threadIdx.x == 0) starts[segments] = before;
}

__global__ void __launch_bounds__(kThreads)
    List(const int32_t* ids, int32_t* cursors, int32_t* lists, int64_t n, int64_t segments) {
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < n; i += gridDim.x * kThreads) {
    if (Within(ids[i], segments)) lists[atomicAdd(cursors + ids[i], 1)] = static_cast<int32_t>(i);
  }
}

// to[0 … count − 1]: the rows of this id in ascending order, found by reading all ids.
__device__ void Collect(const int32_t* ids, int32_t id, int32_t* to, int64_t n) {
  __shared__ int32_t found[kThreads / 32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int32_t before = 0;
  for (int64_t first = 0; first < n; first += kThreads) {
    const int64_t i = first + threadIdx.x;
    const bool mine = i < n && ids[i] == id;
    const unsigned votes = __ballot_sync(kAllLanes, mine);
    if (lane == 0) found[warp] = __popc(votes);
    __syncthreads();
    int32_t earlier = before, all = 0;
    for (int w = 0; w < kThreads / 32; w++) {
      if (w < warp) earlier += found[w];
      all += found[w];
    }
    if (mine) to[earlier + __popc(votes & ((1u << lane) - 1))] = static_cast<int32_t>(i);
    before += all;
    __syncthreads();
  }
}

// A block has one segment: sorts its list, then adds its rows. NaN where an id is outside: a sum that lacks its row would be
// a wrong number.
__global__ void __launch_bounds__(kThreads)
    Sum(const float* rows, const int32_t* ids, const int32_t* starts, int32_t* lists, float* sums,
        int64_t n, int64_t width) {
  __shared__ int32_t unsorted[kSortable], sorted[kSortable];
  const int64_t segment = blockIdx.x;
  const bool complete = starts[gridDim.x] == n;
  const int32_t start = starts[segment], count = starts[segment + 1] - start;
  const int32_t* list = sorted;
  if (count > kSortable) {
    Collect(ids, static_cast<int32_t>(segment), lists + start, n);
    list = lists + start;
  } else if (count > 1) {
    for (int i = threadIdx.x; i < count; i += kThreads) unsorted[i] = lists[start + i];
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += kThreads) {
      const int32_t row = unsorted[i];
      int rank = 0;
      for (int j = 0; j < count; j++) rank += unsorted[j] < row;
      sorted[rank] = row;
    }
  } else if (count == 1 && threadIdx.x == 0) {
    sorted[0] = lists[start];
  }
  __syncthreads();
  for (int64_t j = threadIdx.x; j < width; j += kThreads) {
    float sum = 0.0f;
#pragma unroll 8
    for (int i = 0; i < count; i++) sum += rows[list[i] * width + j];
    sums[segment * width + j] = complete ? sum : NAN;
  }
}

// Padded to 16 bytes.
int64_t Ints(int64_t count) { return (count + 3) / 4 * 4; }

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" int64_t mapl_scatter_rows_workspace(int64_t n, int64_t segments) {
  return (3 * Ints(segments + 1) + Ints(n)) * sizeof(int32_t);
}

extern "C" cudaError_t mapl_scatter_rows(const float* rows, const int32_t* ids, float* sums,
                                         void* workspace, int64_t n, int64_t segments,
                                         int64_t width, cudaStream_t stream) {
  if (segments * width == 0) return cudaSuccess;
  if (n >= int64_t{1} << 31 || segments >= (int64_t{1} << 31) - 1) return cudaErrorInvalidValue;
  int32_t* const counts = static_cast<int32_t*>(workspace);
  int32_t* const starts = counts + Ints(segments + 1);
  int32_t* const cursors = starts + Ints(segments + 1);
  int32_t* const lists = cursors + Ints(segments + 1);
  cudaError_t error = cudaMemsetAsync(counts, 0, segments * sizeof(int32_t), stream);
  if (error != cudaSuccess) return error;
  if (n > 0) {
    error = Launch(Count, StrideGrid(n), kThreads, 0, stream, ids, counts, n, segments);
    if (error != cudaSuccess) return error;
  }
  error = Launch(Starts, 1, 1024, 0, stream, counts, starts, cursors, segments);
  if (error != cudaSuccess) return error;
  if (n > 0) {
    error = Launch(List, StrideGrid(n), kThreads, 0, stream, ids, cursors, lists, n, segments);
    if (error != cudaSuccess) return error;
  }
  return Launch(Sum, static_cast<unsigned>(segments), kThreads, 0, stream, rows, ids, starts, lists,
                sums, n, width);
}
