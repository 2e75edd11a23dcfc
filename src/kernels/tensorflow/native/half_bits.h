// The bits of IEEE halves, on CPUs and GPUs alike: neither F16C nor a GPU's conversions are used, which differ in their NaN and
// keep −0. Without branches, for vectors.
#ifndef TFJS_MAPL_HALF_BITS_H_
#define TFJS_MAPL_HALF_BITS_H_

#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define MAPL_ANYWHERE __host__ __device__
#else
#define MAPL_ANYWHERE
#endif

namespace mapl {

MAPL_ANYWHERE inline uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

MAPL_ANYWHERE inline float OfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even. Infinity from 65520 on; one NaN; what rounds to zero is +0.
MAPL_ANYWHERE inline uint32_t HalfOf(float value) {
  const uint32_t bits = BitsOf(value), size = bits & 0x7fffffffu;
  // From 2^-14 on 13 bits of the mantissa go, and a carry goes into the exponent.
  const uint32_t normal = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
  // Below, halves are multiples of 2^-24: so are floats between 0.5 and 1, and adding 0.5 rounds.
  const uint32_t small = BitsOf(OfBits(size) + 0.5f) - 0x3f000000u;
  const uint32_t finite = normal < 0x7c00u ? normal : 0x7c00u;
  const uint32_t half = size < 0x38800000u ? small : finite;
  const uint32_t number = half == 0 ? 0 : half | (bits >> 16 & 0x8000u);
  return size > 0x7f800000u ? 0x7e00u : number;
}

MAPL_ANYWHERE inline float FloatOf(uint32_t half) {
  const uint32_t size = (half & 0x7fffu) << 13;
  // Subnormals are what is added to 2^-14 in its last places. Infinity and NaN keep the largest exponent.
  const uint32_t small = BitsOf(OfBits(size + 0x38800000u) - 6.103515625e-5f);
  const uint32_t number = size < 0x800000u ? small : size + 0x38000000u;
  const uint32_t bits = size >= 0xf800000u ? size | 0x7f800000u : number;
  return OfBits((half & 0x8000u) << 16 | bits);
}

}  // namespace mapl

#endif  // TFJS_MAPL_HALF_BITS_H_
