// Runs CUDA kernels on the CPU, so that their logic is tested where there is no GPU and no nvcc: a fibre for each thread of a
// block, block after block. Threads advance in turns between barriers, forwards or (MAPL_EMULATOR_ORDER=reverse) backwards:
// a missing barrier gives different results in the two orders. Shared memory begins as NaN. Only what the kernels use.
#ifndef TFJS_MAPL_TEST_CUDA_EMULATOR_H_
#define TFJS_MAPL_TEST_CUDA_EMULATOR_H_

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#define MAPL_EMULATOR 1
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define MAPL_DYNAMIC_SHARED(name) float* const name = emulator::DynamicShared()

typedef int cudaError_t;
typedef void* cudaStream_t;
constexpr cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1;

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
struct alignas(16) int4 {
  int x, y, z, w;
};
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

inline thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

constexpr size_t kStack = 128 << 10;

[[noreturn]] inline void Fail(const char* why) {
  fprintf(stderr, "emulator: %s in thread %u of block %u,%u,%u\n", why, threadIdx.x, blockIdx.x,
          blockIdx.y, blockIdx.z);
  abort();
}

struct Fibre {
  enum State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state;
  unsigned turn;  // Which of two buffers its next exchange uses.
};

struct Machine {
  std::vector<std::unique_ptr<Fibre>> fibres;
  std::vector<uint64_t> exchange[2];  // What lanes show each other.
  std::vector<float> shared;
  ucontext_t scheduler;
  std::function<void()> body;
  unsigned current = 0;
};

inline Machine& machine() {
  static Machine instance;
  return instance;
}

inline float* DynamicShared() {
  return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(machine().shared.data()) + 15) &
                                  ~uintptr_t{15});
}

inline void Wait(Fibre::State state) {
  Machine& m = machine();
  Fibre& fibre = *m.fibres[m.current];
  fibre.state = state;
  swapcontext(&fibre.context, &m.scheduler);
}

inline void Entry() {
  Machine& m = machine();
  m.body();
  m.fibres[m.current]->state = Fibre::kDone;
  setcontext(&m.scheduler);
}

// Lets those go on whose barrier everyone has reached; false if there was none.
inline bool Release(unsigned threads) {
  Machine& m = machine();
  bool released = false, all = true, any = false;
  for (unsigned warp = 0; warp < threads; warp += 32) {
    const unsigned end = std::min(warp + 32, threads);
    bool together = true, waiting = false;
    for (unsigned i = warp; i < end; i++) {
      const Fibre::State state = m.fibres[i]->state;
      together &= state == Fibre::kAtWarpBarrier || state == Fibre::kDone;
      waiting |= state == Fibre::kAtWarpBarrier;
      all &= state == Fibre::kAtBlockBarrier || state == Fibre::kDone;
      any |= state == Fibre::kAtBlockBarrier;
    }
    if (!together || !waiting) continue;
    for (unsigned i = warp; i < end; i++) {
      if (m.fibres[i]->state == Fibre::kAtWarpBarrier) m.fibres[i]->state = Fibre::kReady;
    }
    released = true;
  }
  if (all && any) {
    for (unsigned i = 0; i < threads; i++) {
      if (m.fibres[i]->state == Fibre::kAtBlockBarrier) m.fibres[i]->state = Fibre::kReady;
    }
    released = true;
  }
  return released;
}

inline void RunBlock(unsigned threads, bool reverse) {
  Machine& m = machine();
  while (m.fibres.size() < threads) m.fibres.emplace_back(new Fibre);
  std::fill(m.shared.begin(), m.shared.end(), NAN);
  for (unsigned i = 0; i < threads; i++) {
    Fibre& fibre = *m.fibres[i];
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = kStack;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, Entry, 0);
    fibre.state = Fibre::kReady;
    fibre.turn = 0;
  }
  for (;;) {
    bool ran = false, alive = false;
    for (unsigned n = 0; n < threads; n++) {
      const unsigned i = reverse ? threads - 1 - n : n;
      Fibre& fibre = *m.fibres[i];
      alive |= fibre.state != Fibre::kDone;
      if (fibre.state != Fibre::kReady) continue;
      m.current = i;
      threadIdx = dim3(i);
      swapcontext(&m.scheduler, &fibre.context);
      ran = true;
    }
    if (!alive) return;
    if (!ran && !Release(threads)) Fail("threads wait at different barriers");
  }
}

// The value that `lane` of this warp shows.
template <typename T>
T Exchange(T value, unsigned lane) {
  Machine& m = machine();
  const unsigned self = m.current;
  std::vector<uint64_t>& shown = m.exchange[m.fibres[self]->turn];
  m.fibres[self]->turn ^= 1;
  memcpy(&shown[self], &value, sizeof value);
  Wait(Fibre::kAtWarpBarrier);
  const unsigned from = self / 32 * 32 + lane;
  if (from >= blockDim.x) Fail("shuffle from no thread");
  T result;
  memcpy(&result, &shown[from], sizeof result);
  return result;
}

}  // namespace emulator

inline void __syncthreads() { emulator::Wait(emulator::Fibre::kAtBlockBarrier); }
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return emulator::Exchange(value, threadIdx.x % 32 ^ mask);
}
template <typename T>
T __shfl_up_sync(unsigned, T value, int delta) {
  const unsigned lane = threadIdx.x % 32;
  return emulator::Exchange(value, lane < unsigned(delta) ? lane : lane - delta);
}
inline unsigned __ballot_sync(unsigned, bool vote) {
  unsigned votes = vote ? 1u << threadIdx.x % 32 : 0;
  for (int offset = 1; offset < 32; offset *= 2) {
    votes |= emulator::Exchange(votes, threadIdx.x % 32 ^ offset);
  }
  return votes;
}
inline int __syncthreads_and(int vote) {
  static std::vector<int> votes;
  votes.resize(1024);
  votes[threadIdx.x] = vote != 0;
  __syncthreads();
  int all = 1;
  for (unsigned i = 0; i < blockDim.x; i++) all &= votes[i];
  __syncthreads();
  return all;
}
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline float __fmul_rn(float a, float b) {
  volatile float product = a * b;
  return product;
}
inline float __fadd_rn(float a, float b) {
  volatile float sum = a + b;
  return sum;
}
inline int32_t atomicAdd(int32_t* at, int32_t value) {
  const int32_t before = *at;
  *at += value;
  return before;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  memset(to, value, bytes);
  return cudaSuccess;
}

namespace mapl {
namespace cuda {

// That of sm_90, or MAPL_EMULATOR_SHARED bytes.
inline size_t SharedLimit() {
  const char* bytes = getenv("MAPL_EMULATOR_SHARED");
  return bytes == nullptr ? 227 << 10 : strtoul(bytes, nullptr, 10);
}

template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                   cudaStream_t, Arguments... arguments) {
  emulator::Machine& m = emulator::machine();
  if (shared > SharedLimit() || grid.y > 65535 || grid.z > 65535 || block.x > 1024 ||
      grid.x == 0 || grid.y == 0 || grid.z == 0) {
    return cudaErrorInvalidValue;
  }
  m.shared.resize(shared / sizeof(float) + 4);
  for (auto& buffer : m.exchange) buffer.resize(1024);
  m.body = [=] { kernel(static_cast<Parameters>(arguments)...); };
  const char* order = getenv("MAPL_EMULATOR_ORDER");
  const bool reverse = order != nullptr && strcmp(order, "reverse") == 0;
  blockDim = block;
  gridDim = grid;
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t n = 0; n < blocks; n++) {
    const uint64_t i = reverse ? blocks - 1 - n : n;
    blockIdx = dim3(i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y);
    emulator::RunBlock(block.x, reverse);
  }
  return cudaSuccess;
}

}  // namespace cuda
}  // namespace mapl

#endif  // TFJS_MAPL_TEST_CUDA_EMULATOR_H_
