#include <algorithm>
#include <cmath>
#include <vector>

#include "compute.h"
#include "vector.h"

namespace mapl {
namespace {

// At most this many partial sums of dweight.
constexpr int64_t kMaxBlocks = 64;
constexpr int64_t kMinRows = 16;

float InverseRms(const float* row, int64_t d, float epsilon) {
  return 1.0f / std::sqrt(Dot(row, row, d) / static_cast<float>(d) + epsilon);
}

}  // namespace

void RmsNorm(const float* x, const float* weight, float* y, int64_t n, int64_t d, float epsilon,
             const Parallel& parallel) {
  parallel(n, 1.0 * d, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float* row = x + i * d;
      float* out = y + i * d;
      const float inverse = InverseRms(row, d, epsilon);
      for (int64_t j = 0; j < d; j++) out[j] = row[j] * inverse * weight[j];
    }
  });
}

// With x̂ = x / rms and g = dy · weight: dx = (g − x̂ mean(g x̂)) / rms, dweight = Σ dy x̂.
void RmsNormGrad(const float* x, const float* weight, const float* dy, float* dx, float* dweight,
                 int64_t n, int64_t d, float epsilon, const Parallel& parallel) {
  const int64_t rows = std::max(kMinRows, (n + kMaxBlocks - 1) / kMaxBlocks);
  const int64_t blocks = (n + rows - 1) / rows;
  std::vector<float> partial(blocks * d, 0.0f);
  float* const sums = partial.data();
  parallel(blocks, 4.0 * rows * d, [=](int64_t first, int64_t last) {
    std::vector<float> weighted(d);
    float* const g = weighted.data();
    for (int64_t block = first; block < last; block++) {
      float* const sum = sums + block * d;
      const int64_t end = std::min(n, (block + 1) * rows);
      for (int64_t i = block * rows; i < end; i++) {
        const float* row = x + i * d;
        const float* grad = dy + i * d;
        float* out = dx + i * d;
        const float inverse = InverseRms(row, d, epsilon);
        for (int64_t j = 0; j < d; j++) g[j] = grad[j] * weight[j];
        const float along =
            Dot(g, row, d) * inverse * inverse * inverse / static_cast<float>(d);
        for (int64_t j = 0; j < d; j++) {
          out[j] = g[j] * inverse - row[j] * along;
          sum[j] += grad[j] * row[j] * inverse;
        }
      }
    }
  });
  std::fill(dweight, dweight + d, 0.0f);
  for (int64_t block = 0; block < blocks; block++) {
    for (int64_t j = 0; j < d; j++) dweight[j] += sums[block * d + j];
  }
}

}  // namespace mapl
