// Kernels that make one pass over their inputs.
#include <algorithm>
#include <cmath>

#include "compute.h"
#include "vector.h"

namespace mapl {
namespace {

// Elements of one item.
constexpr int64_t kChunk = 4096;

// Cuts `size` elements into items and hands body(first, last) ranges of elements.
void OverElements(int64_t size, double cost, const Range& body, const Parallel& parallel) {
  parallel((size + kChunk - 1) / kChunk, cost * kChunk, [=](int64_t first, int64_t last) {
    body(first * kChunk, std::min(size, last * kChunk));
  });
}

void AdamWRange(const float* value, const float* gradient, const float* first, const float* second,
                float* __restrict new_value, float* __restrict new_first,
                float* __restrict new_second, int64_t size, AdamWScalars s) {
  for (int64_t i = 0; i < size; i++) {
    const float g = gradient[i];
    const float m = first[i] + s.new_first * (g - first[i]);
    const float v = s.keep_second * second[i] + s.new_second * (g * g);
    new_first[i] = m;
    new_second[i] = v;
    new_value[i] = s.keep_value * value[i] - s.step_size * (m / (std::sqrt(v) + s.epsilon));
  }
}

}  // namespace

void RotaryEmbedding(const float* x, const float* cos, const float* sin, float* y, int64_t rows,
                     int64_t time, int64_t width, const Parallel& parallel) {
  const int64_t half = width / 2;
  parallel(rows * time, 1.0 * width, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* in = x + row * width;
      float* out = y + row * width;
      const float* c = cos + row % time * half;
      const float* s = sin + row % time * half;
      for (int64_t j = 0; j < half; j++) {
        const float a = in[j], b = in[j + half];
        out[j] = a * c[j] - b * s[j];
        out[j + half] = b * c[j] + a * s[j];
      }
    }
  });
}

void SwiGlu(const float* gate, const float* up, float* y, int64_t size, const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      const Vec g = Load(gate + i);
      Store(y + i, g * Sigmoid(g) * Load(up + i));
    }
    if (i < last) {
      const Vec g = LoadFirst(gate + i, last - i);
      StoreFirst(y + i, g * Sigmoid(g) * LoadFirst(up + i, last - i), last - i);
    }
  };
  OverElements(size, 3, body, parallel);
}

// With σ = sigmoid(gate): dgate = dy up σ (1 + gate (1 − σ)), dup = dy gate σ.
void SwiGluGrad(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                int64_t size, const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      const Vec g = Load(gate + i), grad = Load(dy + i);
      const Vec sigma = Sigmoid(g);
      Store(dgate + i, grad * Load(up + i) * (sigma * (1.0f + g * (1.0f - sigma))));
      Store(dup + i, grad * (g * sigma));
    }
    if (i < last) {
      const int64_t count = last - i;
      const Vec g = LoadFirst(gate + i, count), grad = LoadFirst(dy + i, count);
      const Vec sigma = Sigmoid(g);
      const Vec along = grad * LoadFirst(up + i, count);
      StoreFirst(dgate + i, along * (sigma * (1.0f + g * (1.0f - sigma))), count);
      StoreFirst(dup + i, grad * (g * sigma), count);
    }
  };
  OverElements(size, 4, body, parallel);
}

// Columns are shared out, so that every sum is made by one thread in order of the rows.
void ScatterRows(const float* rows, const int32_t* ids, float* sums, int64_t n, int64_t segments,
                 int64_t width, const Parallel& parallel) {
  constexpr int64_t kColumns = 64;
  const int64_t blocks = (width + kColumns - 1) / kColumns;
  parallel(blocks, 1.0 * (n + segments) * kColumns, [=](int64_t first, int64_t last) {
    const int64_t from = first * kColumns;
    const int64_t count = std::min(width, last * kColumns) - from;
    for (int64_t s = 0; s < segments; s++) std::fill_n(sums + s * width + from, count, 0.0f);
    for (int64_t i = 0; i < n; i++) {
      float* to = sums + ids[i] * width + from;
      const float* row = rows + i * width + from;
      for (int64_t j = 0; j < count; j++) to[j] += row[j];
    }
  });
}

void AdamW(const float* value, const float* gradient, const float* first_moment,
           const float* second_moment, float* new_value, float* new_first, float* new_second,
           int64_t size, const AdamWScalars& scalars, const Parallel& parallel) {
  const AdamWScalars s = scalars;
  const Range body = [=](int64_t first, int64_t last) {
    AdamWRange(value + first, gradient + first, first_moment + first, second_moment + first,
               new_value + first, new_first + first, new_second + first, last - first, s);
  };
  OverElements(size, 4, body, parallel);
}

void MuonUpdate(const float* momentum, const float* gradient, float* new_momentum,
                float* direction, int64_t size, float keep, float take, bool nesterov,
                const Parallel& parallel) {
  const Range body = [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i += kLanes) {
      const int64_t count = std::min<int64_t>(kLanes, last - i);
      const bool whole = count == kLanes;
      const Vec g = whole ? Load(gradient + i) : LoadFirst(gradient + i, count);
      const Vec m = whole ? Load(momentum + i) : LoadFirst(momentum + i, count);
      const Vec share = take * g;
      const Vec mean = keep * m + share;
      const Vec along = nesterov ? keep * mean + share : mean;
      if (whole) {
        Store(new_momentum + i, mean);
        Store(direction + i, along);
      } else {
        StoreFirst(new_momentum + i, mean, count);
        StoreFirst(direction + i, along, count);
      }
    }
  };
  OverElements(size, 2, body, parallel);
}

}  // namespace mapl
