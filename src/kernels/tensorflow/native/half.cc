// Halves two a word.
#include "half_bits.h"

#include <algorithm>

#include "compute.h"

namespace mapl {
namespace {

// Words of one item.
constexpr int64_t kChunk = 4096;

// Hands body(first, last) ranges of whole pairs.
void OverPairs(int64_t pairs, const Range& body, const Parallel& parallel) {
  parallel((pairs + kChunk - 1) / kChunk, 4.0 * kChunk, [=](int64_t first, int64_t last) {
    body(first * kChunk, std::min(pairs, last * kChunk));
  });
}

}  // namespace

void PackHalf(const float* x, int32_t* packed, int64_t size, const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      packed[i] = static_cast<int32_t>(HalfOf(x[2 * i]) | HalfOf(x[2 * i + 1]) << 16);
    }
  };
  OverPairs(size / 2, body, parallel);
  if (size % 2 == 1) packed[size / 2] = static_cast<int32_t>(HalfOf(x[size - 1]));
}

void UnpackHalf(const int32_t* packed, float* x, int64_t size, const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const uint32_t word = static_cast<uint32_t>(packed[i]);
      x[2 * i] = FloatOf(word & 0xffffu);
      x[2 * i + 1] = FloatOf(word >> 16);
    }
  };
  OverPairs(size / 2, body, parallel);
  if (size % 2 == 1) x[size - 1] = FloatOf(static_cast<uint32_t>(packed[size / 2]) & 0xffffu);
}

}  // namespace mapl
