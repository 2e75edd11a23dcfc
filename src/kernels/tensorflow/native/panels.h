// The right operand of a large product, cut into panels of columns that lie together and are padded to whole vectors.
#ifndef TFJS_MAPL_PANELS_H_
#define TFJS_MAPL_PANELS_H_

#include <algorithm>
#include <cstdint>

#include "compute.h"
#include "scratch.h"
#include "small_product.h"
#include "vector.h"

namespace mapl {

inline int64_t PadToLanes(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// A matrix [inner,columns]. Panels are packed by one thread: they are small beside the products they serve.
class Panels {
 public:
  static constexpr int64_t kWidth = 64;      // Columns of a panel; a multiple of kLanes.
  static constexpr int64_t kInnerBlock = 256;  // Rows of a panel that stay in the second-level cache.

  Panels(int64_t inner, int64_t columns)
      : inner_(inner), columns_(columns), data_(inner * PadToLanes(columns)) {}

  int64_t count() const { return (columns_ + kWidth - 1) / kWidth; }
  int64_t columns(int64_t panel) const { return std::min(kWidth, columns_ - panel * kWidth); }
  int64_t padded(int64_t panel) const { return PadToLanes(columns(panel)); }

  // Rows `first` and up from `from`, whose element (k,j) is at from[k * row + j * column], times `factor`.
  void Pack(int64_t first, int64_t rows, const float* from, int64_t row, int64_t column,
            float factor = 1.0f) {
    for (int64_t panel = 0; panel < count(); panel++) {
      const int64_t width = padded(panel), real = columns(panel);
      float* to = At(panel) + first * width;
      const float* source = from + panel * kWidth * column;
      for (int64_t k = 0; k < rows; k++) {
        for (int64_t j = 0; j < real; j++) to[k * width + j] = factor * source[k * row + j * column];
        std::fill(to + k * width + real, to + (k + 1) * width, 0.0f);
      }
    }
  }

  // c [rows,padded(panel)] += a [rows,inner] · rows `first` and up of the panel.
  void AddProductOf(Left a, int64_t first, int64_t inner, int64_t panel, float* c,
                    int64_t rows) const {
    const int64_t width = padded(panel);
    for (int64_t k = 0; k < inner; k += kInnerBlock) {
      const int64_t block = std::min(kInnerBlock, inner - k);
      AddProduct({a.data + k * a.column, a.row, a.column}, At(panel) + (first + k) * width, width,
                 c, width, rows, width, block);
    }
  }

 private:
  float* At(int64_t panel) const { return data_.data() + panel * kWidth * inner_; }

  int64_t inner_, columns_;
  Scratch data_;
};

}  // namespace mapl

#endif  // TFJS_MAPL_PANELS_H_
