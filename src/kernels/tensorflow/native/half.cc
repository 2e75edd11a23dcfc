// IEEE halves by their bits, which needs no F16C and is the same on every CPU.
#include <algorithm>
#include <cstring>

#include "compute.h"

namespace mapl {
namespace {

// Words of one item.
constexpr int64_t kChunk = 4096;

// To nearest, ties to even. Infinity from 65520 on; one NaN; what rounds to zero is +0. Without branches, for vectors.
inline uint32_t HalfOf(uint32_t bits) {
  const uint32_t size = bits & 0x7fffffffu;
  // From 2^-14 on, 13 bits of the mantissa go; below, more of them, and the leading one is written out.
  const bool subnormal = size < 0x38800000u;
  const uint32_t dropped = std::min(126u - (size >> 23), 31u);
  const uint32_t shift = subnormal ? dropped : 13u;
  const uint32_t whole = subnormal ? (size & 0x7fffffu) | 0x800000u : size - 0x38000000u;
  const uint32_t rounded = (whole + (1u << (shift - 1)) - 1u + ((whole >> shift) & 1u)) >> shift;
  const uint32_t half = size >= 0x477ff000u ? 0x7c00u : rounded;
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t number = half == 0 ? 0 : half | sign;
  return size > 0x7f800000u ? 0x7e00u : number;
}

inline uint32_t FloatOf(uint32_t half) {
  const uint32_t size = half & 0x7fffu;
  // Subnormals are multiples of 2^-24. Infinity and NaN keep the largest exponent.
  const float multiple = static_cast<float>(static_cast<int32_t>(size)) * 5.9604644775390625e-8f;
  uint32_t small;
  std::memcpy(&small, &multiple, sizeof small);
  const uint32_t normal = (size + 0x1c000u) << 13;
  const uint32_t special = 0x7f800000u | (size << 13);
  const uint32_t number = size < 0x400u ? small : normal;
  return (half & 0x8000u) << 16 | (size >= 0x7c00u ? special : number);
}

inline uint32_t BitsAt(const float* x, int64_t i) {
  uint32_t bits;
  std::memcpy(&bits, x + i, sizeof bits);
  return bits;
}

inline void SetBits(float* x, int64_t i, uint32_t bits) { std::memcpy(x + i, &bits, sizeof bits); }

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
      packed[i] = static_cast<int32_t>(HalfOf(BitsAt(x, 2 * i)) | HalfOf(BitsAt(x, 2 * i + 1)) << 16);
    }
  };
  OverPairs(size / 2, body, parallel);
  if (size % 2 == 1) packed[size / 2] = static_cast<int32_t>(HalfOf(BitsAt(x, size - 1)));
}

void UnpackHalf(const int32_t* packed, float* x, int64_t size, const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const uint32_t word = static_cast<uint32_t>(packed[i]);
      SetBits(x, 2 * i, FloatOf(word & 0xffffu));
      SetBits(x, 2 * i + 1, FloatOf(word >> 16));
    }
  };
  OverPairs(size / 2, body, parallel);
  if (size % 2 == 1) {
    SetBits(x, size - 1, FloatOf(static_cast<uint32_t>(packed[size / 2]) & 0xffffu));
  }
}

}  // namespace mapl
