// X ← X(a + b XᵀX + c (XᵀX)²) for a list of coefficients (Polar Express, arXiv 2505.16932), in float32.
//
// Matrices are held tall and padded to whole vectors of zeros, which the iteration leaves as they are. Of the Gram
// matrix and its square, which are symmetric, the blocks below the diagonal are copied.
#include <algorithm>
#include <cmath>

#include "compute.h"
#include "panels.h"

namespace mapl {
namespace {

constexpr int64_t kGramRows = 32;   // Of an item of the small products; a multiple of kLanes.
constexpr int64_t kTallRows = 48;   // Of an item of the large ones.
constexpr int64_t kPartRows = 1024;  // Summed by themselves: tables of a vocabulary have 50,000 rows and more.
constexpr double kFlopCost = 0.05;  // Cycles of one multiplication and addition, with all vectors busy.

// One batch of matrices [rows,width], width padded.
struct Tall {
  int64_t batch, rows, width;
  int64_t size() const { return rows * width; }
  int64_t square() const { return width * width; }
  int64_t gram_blocks() const { return (width + kGramRows - 1) / kGramRows; }
};

// Two factors, one after the other: a power of two that brings extreme matrices within float32's range, 1 for others, and
// 1 / (1.01 ‖guard · y‖_F), 1 for zeros.
struct Start {
  float guard, scale;
};

Start StartOf(const float* y, int64_t size) {
  Vec most = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    const Vec v = Load(y + i);
    most = Max(Max(v, -v), most);
  }
  float largest = Largest(most);
  for (; i < size; i++) largest = std::max(largest, std::fabs(y[i]));
  if (largest == 0.0f) return {1.0f, 1.0f};
  constexpr float kExtreme = 0x1p64f;
  const float guard = largest > kExtreme ? 1 / kExtreme : largest < 1 / kExtreme ? kExtreme : 1.0f;
  const double unit = 1.0 / largest;
  double sum = 0;
  for (i = 0; i < size; i++) sum += (y[i] * unit) * (y[i] * unit);
  return {guard, static_cast<float>(1.0 / (std::sqrt(sum) * 1.01 * (largest * guard)))};
}

// Copies what is right of the diagonal blocks to below them.
void Mirror(float* square, int64_t width, int64_t first_row, int64_t last_row) {
  for (int64_t i = first_row; i < last_row; i++) {
    for (int64_t j = 0; j < i / kGramRows * kGramRows; j++) {
      square[i * width + j] = square[j * width + i];
    }
  }
}

// Blocks of rows of `to` [batch,width,width], from the diagonal on: a[rows,width]ᵀ a.
void Gram(const float* a, int64_t rows, const Tall& s, float* to, const Parallel& parallel) {
  const int64_t blocks = s.gram_blocks(), stride = rows * s.width;
  const double cost = kFlopCost * kGramRows * s.width * rows;
  parallel(s.batch * blocks, cost, [=, &s](int64_t first, int64_t last) {
    Scratch part_memory(kGramRows * s.width);
    float* const part = part_memory.data();
    for (int64_t item = first; item < last; item++) {
      const float* from = a + item / blocks * stride;
      const int64_t i = item % blocks * kGramRows;
      const int64_t count = std::min(kGramRows, s.width - i);
      float* out = to + item / blocks * s.square() + i * s.width + i;
      for (int64_t j = 0; j < count; j++) std::fill_n(out + j * s.width, s.width - i, 0.0f);
      for (int64_t begin = 0; begin < rows; begin += kPartRows) {
        const int64_t end = std::min(rows, begin + kPartRows);
        float* const sum = begin == 0 ? out : part;
        if (begin > 0) part_memory.Zero(kGramRows * s.width);
        for (int64_t k = begin; k < end; k += Panels::kInnerBlock) {
          AddProduct({from + k * s.width + i, 1, s.width}, from + k * s.width + i, s.width, sum,
                     s.width, count, s.width - i, std::min(Panels::kInnerBlock, end - k));
        }
        for (int64_t j = 0; begin > 0 && j < count; j++) {
          for (int64_t c = 0; c < s.width - i; c++) out[j * s.width + c] += part[j * s.width + c];
        }
      }
    }
  });
  for (int64_t b = 0; b < s.batch; b++) Mirror(to + b * s.square(), s.width, 0, s.width);
}

}  // namespace

void PolarFactor(const float* y, const float* coefficients, int64_t steps, float* out,
                 int64_t batch, int64_t rows, int64_t columns, const Parallel& parallel) {
  const bool wide = rows < columns;
  const Tall s = {batch, std::max(rows, columns), PadToLanes(std::min(rows, columns))};
  const int64_t narrow = std::min(rows, columns);
  const int64_t size = rows * columns;
  Scratch x_memory(batch * s.size()), next_memory(batch * s.size());
  Scratch gram_memory(batch * s.square()), square_memory(batch * s.square());
  float *x = x_memory.data(), *next = next_memory.data();
  float* const gram = gram_memory.data();
  float* const square = square_memory.data();

  parallel(batch, 4.0 * size, [=, &s](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++) {
      const float* from = y + b * size;
      float* to = x + b * s.size();
      const Start start = StartOf(from, size);
      for (int64_t i = 0; i < s.rows; i++) {
        for (int64_t j = 0; j < narrow; j++) {
          const float value = start.guard * from[wide ? j * columns + i : i * columns + j];
          to[i * s.width + j] = start.scale * value;
        }
        std::fill(to + i * s.width + narrow, to + (i + 1) * s.width, 0.0f);
      }
    }
  });

  const int64_t blocks = (s.rows + kTallRows - 1) / kTallRows;
  for (int64_t step = 0; step < steps; step++) {
    const float a = coefficients[3 * step], b = coefficients[3 * step + 1];
    const float c = coefficients[3 * step + 2];
    Gram(x, s.rows, s, gram, parallel);
    Gram(gram, s.width, s, square, parallel);
    for (int64_t i = 0; i < batch * s.square(); i++) square[i] = b * gram[i] + c * square[i];
    const double cost = kFlopCost * kTallRows * s.square();
    parallel(batch * blocks, cost, [=, &s](int64_t first, int64_t last) {
      for (int64_t item = first; item < last; item++) {
        const int64_t matrix = item / blocks, row = item % blocks * kTallRows;
        const int64_t count = std::min(kTallRows, s.rows - row);
        const float* from = x + matrix * s.size() + row * s.width;
        float* to = next + matrix * s.size() + row * s.width;
        for (int64_t i = 0; i < count * s.width; i++) to[i] = a * from[i];
        AddProduct({from, s.width, 1}, square + matrix * s.square(), s.width, to, s.width, count,
                   s.width, s.width);
      }
    });
    std::swap(x, next);
  }

  for (int64_t b = 0; b < batch; b++) {
    const float* from = x + b * s.size();
    float* to = out + b * size;
    for (int64_t i = 0; i < s.rows; i++) {
      for (int64_t j = 0; j < narrow; j++) {
        to[wide ? j * columns + i : i * columns + j] = from[i * s.width + j];
      }
    }
  }
}

}  // namespace mapl
