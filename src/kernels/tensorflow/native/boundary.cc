// The two halves of a boundary, each one product with the anchors' share added while the block is in the cache.
#include <algorithm>
#include <vector>

#include "compute.h"
#include "panels.h"

namespace mapl {
namespace {

constexpr int64_t kRows = 48;  // Of a block; a multiple of what small_product.h holds in registers.

// The rows of the table that belong to `count` ids, one behind the other.
void Gather(const float* table, const int32_t* ids, int64_t count, int64_t width, float* to) {
  for (int64_t i = 0; i < count; i++) std::copy_n(table + ids[i] * width, width, to + i * width);
}

// y [n,columns] = left [n,inner] · right's first `inner` rows + table[ids] [n,a] · right's next `a` rows.
void ProductWithAnchors(const float* left, int64_t inner, const float* table, const int32_t* ids,
                        int64_t a, const Panels& right, int64_t columns, float* y, int64_t n,
                        const Parallel& parallel) {
  const int64_t blocks = (n + kRows - 1) / kRows;
  const double cost = 0.05 * kRows * (inner + a) * columns;
  parallel(blocks, cost, [=, &right](int64_t first, int64_t last) {
    Scratch rows(kRows * a), tile(kRows * Panels::kWidth);
    for (int64_t block = first; block < last; block++) {
      const int64_t start = block * kRows;
      const int64_t count = std::min(kRows, n - start);
      Gather(table, ids + start, count, a, rows.data());
      for (int64_t panel = 0; panel < right.count(); panel++) {
        const int64_t width = right.padded(panel), real = right.columns(panel);
        tile.Zero(count * width);
        right.AddProductOf({left + start * inner, inner, 1}, 0, inner, panel, tile.data(), count);
        right.AddProductOf({rows.data(), a, 1}, inner, a, panel, tile.data(), count);
        for (int64_t i = 0; i < count; i++) {
          std::copy_n(tile.data() + i * width, real,
                      y + (start + i) * columns + panel * Panels::kWidth);
        }
      }
    }
  });
}

}  // namespace

// x A − E[ids](P A): `P A` is [a,r], so no d-wide anchor is built.
void BoundaryEncode(const float* x, const int32_t* ids, const float* projector,
                    const float* anchors, const float* basis, float* z, const BoundarySizes& s,
                    const Parallel& parallel) {
  Panels right(s.width + s.anchor_rank, s.rank);
  right.Pack(0, s.width, projector, s.rank, 1);
  std::vector<float> product(s.anchor_rank * s.rank);
  float* const to = product.data();
  parallel(right.count(), 0.05 * s.anchor_rank * s.width * Panels::kWidth,
           [=, &right, &s](int64_t first, int64_t last) {
             Scratch tile(s.anchor_rank * Panels::kWidth);
             for (int64_t panel = first; panel < last; panel++) {
               const int64_t width = right.padded(panel), real = right.columns(panel);
               tile.Zero(s.anchor_rank * width);
               right.AddProductOf({basis, s.width, 1}, 0, s.width, panel, tile.data(),
                                  s.anchor_rank);
               for (int64_t i = 0; i < s.anchor_rank; i++) {
                 std::copy_n(tile.data() + i * width, real,
                             to + i * s.rank + panel * Panels::kWidth);
               }
             }
           });
  right.Pack(s.width, s.anchor_rank, to, s.rank, 1, -1.0f);
  ProductWithAnchors(x, s.width, anchors, ids, s.anchor_rank, right, s.rank, z, s.rows, parallel);
}

// z Aᵀ + E[ids] P as the one product [z, E[ids]]·[Aᵀ; P].
void BoundaryDecode(const float* z, const int32_t* ids, const float* projector,
                    const float* anchors, const float* basis, float* x, const BoundarySizes& s,
                    const Parallel& parallel) {
  Panels right(s.rank + s.anchor_rank, s.width);
  right.Pack(0, s.rank, projector, 1, s.rank);
  right.Pack(s.rank, s.anchor_rank, basis, s.width, 1);
  ProductWithAnchors(z, s.rank, anchors, ids, s.anchor_rank, right, s.width, x, s.rows, parallel);
}

}  // namespace mapl
