#include <cmath>

#include "compute.h"
#include "vector.h"

namespace mapl {
namespace {

float LargestOf(const float* row, int64_t classes) {
  Vec a = Splat(-INFINITY), b = a;
  int64_t j = 0;
  for (; j + 2 * kLanes <= classes; j += 2 * kLanes) {
    a = Max(Load(row + j), a);
    b = Max(Load(row + j + kLanes), b);
  }
  float largest = Largest(Max(a, b));
  for (; j < classes; j++) largest = row[j] > largest ? row[j] : largest;
  return largest;
}

float SumOfExp(const float* row, int64_t classes, float shift) {
  Vec a = {}, b = {};
  int64_t j = 0;
  for (; j + 2 * kLanes <= classes; j += 2 * kLanes) {
    a += Exp(Load(row + j) - shift);
    b += Exp(Load(row + j + kLanes) - shift);
  }
  for (; j + kLanes <= classes; j += kLanes) a += Exp(Load(row + j) - shift);
  float sum = Sum(a + b);
  if (j < classes) {
    float rest[kLanes];
    Store(rest, Exp(LoadFirst(row + j, classes - j) - shift));
    for (int64_t i = 0; i < classes - j; i++) sum += rest[i];
  }
  return sum;
}

}  // namespace

void SparseCrossEntropy(const float* logits, const int32_t* targets, float* loss, float* lse,
                        int64_t n, int64_t classes, const Parallel& parallel) {
  parallel(n, 3.0 * classes, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float* row = logits + i * classes;
      const float largest = LargestOf(row, classes);
      const float log_sum = std::log(SumOfExp(row, classes, largest));
      lse[i] = largest + log_sum;
      // Not lse − logit: both may be large and their difference small.
      loss[i] = log_sum + (largest - row[targets[i]]);
    }
  });
}

void SparseCrossEntropyGrad(const float* logits, const int32_t* targets, const float* lse,
                            const float* dloss, float* dlogits, int64_t n, int64_t classes,
                            const Parallel& parallel) {
  parallel(n, 2.0 * classes, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float* row = logits + i * classes;
      float* out = dlogits + i * classes;
      const float shift = lse[i], scale = dloss[i];
      int64_t j = 0;
      for (; j + kLanes <= classes; j += kLanes) Store(out + j, Exp(Load(row + j) - shift) * scale);
      if (j < classes) {
        const Vec rest = Exp(LoadFirst(row + j, classes - j) - shift) * scale;
        StoreFirst(out + j, rest, classes - j);
      }
      out[targets[i]] -= scale;
    }
  });
}

}  // namespace mapl
