#include <algorithm>
#include <vector>

#include "compute.h"
#include "vector.h"

namespace mapl {

// Chunks are summed in float32, the sums of chunks in float64 and in order.
void GlobalNorm(const std::vector<const float*>& tensors, const std::vector<int64_t>& sizes,
                float* squares, const Parallel& parallel) {
  constexpr int64_t kChunk = 8192;
  const int64_t count = tensors.size();
  std::vector<int64_t> starts(count + 1, 0);
  for (int64_t t = 0; t < count; t++) {
    starts[t + 1] = starts[t] + (sizes[t] + kChunk - 1) / kChunk;
  }
  std::vector<float> partial(starts[count]);
  parallel(starts[count], 1.0 * kChunk / 4, [&](int64_t first, int64_t last) {
    int64_t t = std::upper_bound(starts.begin(), starts.end(), first) - starts.begin() - 1;
    for (int64_t item = first; item < last; item++) {
      while (item >= starts[t + 1]) t++;
      const int64_t from = (item - starts[t]) * kChunk;
      const float* chunk = tensors[t] + from;
      partial[item] = Dot(chunk, chunk, std::min(kChunk, sizes[t] - from));
    }
  });
  for (int64_t t = 0; t < count; t++) {
    double sum = 0;
    for (int64_t item = starts[t]; item < starts[t + 1]; item++) sum += partial[item];
    squares[t] = static_cast<float>(sum);
  }
}

}  // namespace mapl
