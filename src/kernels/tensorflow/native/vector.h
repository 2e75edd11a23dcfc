// Vectors of floats by the compiler's vector extension: one source for AVX-512, AVX2, SSE and NEON, no intrinsics.
//
// The compiler must not reassociate sums, so loops that reduce are written with explicit lanes. The order of every sum
// is then fixed by the code: same inputs, same bits.
#ifndef TFJS_MAPL_VECTOR_H_
#define TFJS_MAPL_VECTOR_H_

#include <cstdint>
#include <cstring>

namespace mapl {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Vec Load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void Store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// The first `count < kLanes` floats, zeros behind them.
inline Vec LoadFirst(const float* from, int64_t count) {
  Vec v = {};
  std::memcpy(&v, from, count * sizeof(float));
  return v;
}

inline void StoreFirst(float* to, Vec v, int64_t count) {
  std::memcpy(to, &v, count * sizeof(float));
}

inline Vec Splat(float value) { return Vec{} + value; }

inline Vec Max(Vec a, Vec b) { return a > b ? a : b; }

// Halves are added until one lane is left: the same tree every time.
inline float Sum(Vec v) {
  float lanes[kLanes];
  Store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

inline float Largest(Vec v) {
  float lanes[kLanes];
  Store(lanes, v);
  float largest = lanes[0];
  for (int i = 1; i < kLanes; i++) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

// Σ a·b over `d` elements.
inline float Dot(const float* a, const float* b, int64_t d) {
  Vec s0 = {}, s1 = {}, s2 = {}, s3 = {};
  int64_t j = 0;
  for (; j + 4 * kLanes <= d; j += 4 * kLanes) {
    s0 += Load(a + j) * Load(b + j);
    s1 += Load(a + j + kLanes) * Load(b + j + kLanes);
    s2 += Load(a + j + 2 * kLanes) * Load(b + j + 2 * kLanes);
    s3 += Load(a + j + 3 * kLanes) * Load(b + j + 3 * kLanes);
  }
  for (; j + kLanes <= d; j += kLanes) s0 += Load(a + j) * Load(b + j);
  if (j < d) s1 += LoadFirst(a + j, d - j) * LoadFirst(b + j, d - j);
  return Sum((s0 + s1) + (s2 + s3));
}

// e^x for x <= 88: relative error below 1e-7, 0 below -87.3 (results would be denormal), NaN for NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial of degree 6 for e^r (Cephes), n added to the exponent. Adding 1.5·2²³
// rounds to the nearest integer and leaves it in the low bits.
inline Vec Exp(Vec x) {
  const Vec kMagic = Splat(12582912.0f);
  Vec shifted = x * 1.44269504088896341f + kMagic;
  Vec n = shifted - kMagic;
  Vec r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Vec p = Splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  IntVec bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3f800000;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return x < -87.3f ? Vec{} : p * power;
}

// 1 / (1 + e^-x), from e^-|x| so that nothing overflows.
inline Vec Sigmoid(Vec x) {
  Vec negative = x < 0.0f ? x : -x;
  Vec e = Exp(negative);
  return (x < 0.0f ? e : Splat(1.0f)) / (1.0f + e);
}

}  // namespace mapl

#endif  // TFJS_MAPL_VECTOR_H_
