// Products of blocks that fit into the first-level cache, for attention. Nothing is packed: one operand is read as
// scalars in any layout, the other as rows of vectors.
#ifndef TFJS_MAPL_SMALL_PRODUCT_H_
#define TFJS_MAPL_SMALL_PRODUCT_H_

#include <cstdint>

#include "vector.h"

namespace mapl {

// Element (i,k) of the left operand is at data[i * row + k * column].
struct Left {
  const float* data;
  int64_t row, column;
};

namespace internal {

template <int kRows, int kVectors>
inline void Tile(Left a, const float* b, int64_t b_row, float* c, int64_t c_row, int64_t inner) {
  Vec sums[kRows][kVectors];
  for (int i = 0; i < kRows; i++) {
    for (int j = 0; j < kVectors; j++) sums[i][j] = Load(c + i * c_row + j * kLanes);
  }
  for (int64_t k = 0; k < inner; k++) {
    Vec right[kVectors];
    for (int j = 0; j < kVectors; j++) right[j] = Load(b + k * b_row + j * kLanes);
    for (int i = 0; i < kRows; i++) {
      const float left = a.data[i * a.row + k * a.column];
      for (int j = 0; j < kVectors; j++) sums[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < kRows; i++) {
    for (int j = 0; j < kVectors; j++) Store(c + i * c_row + j * kLanes, sums[i][j]);
  }
}

template <int kVectors>
inline void Columns(Left a, const float* b, int64_t b_row, float* c, int64_t c_row, int64_t rows,
                    int64_t inner) {
  // Sums stay in registers: 16 of them on AVX and SSE, 32 on AVX-512 and NEON.
  constexpr int kRows = kVectors >= 4 ? 6 : 8;
  while (rows >= kRows) {
    Tile<kRows, kVectors>(a, b, b_row, c, c_row, inner);
    a.data += kRows * a.row;
    c += kRows * c_row;
    rows -= kRows;
  }
  if (rows >= 4) {
    Tile<4, kVectors>(a, b, b_row, c, c_row, inner);
    a.data += 4 * a.row;
    c += 4 * c_row;
    rows -= 4;
  }
  if (rows >= 2) {
    Tile<2, kVectors>(a, b, b_row, c, c_row, inner);
    a.data += 2 * a.row;
    c += 2 * c_row;
    rows -= 2;
  }
  if (rows == 1) Tile<1, kVectors>(a, b, b_row, c, c_row, inner);
}

}  // namespace internal

// c [rows,columns] += a [rows,inner] · b [inner,columns]; `columns` is a multiple of kLanes.
inline void AddProduct(Left a, const float* b, int64_t b_row, float* c, int64_t c_row, int64_t rows,
                       int64_t columns, int64_t inner) {
#if defined(__AVX512F__) || defined(__ARM_NEON)
  for (; columns >= 4 * kLanes; columns -= 4 * kLanes) {
    internal::Columns<4>(a, b, b_row, c, c_row, rows, inner);
    b += 4 * kLanes;
    c += 4 * kLanes;
  }
  for (; columns >= 2 * kLanes; columns -= 2 * kLanes) {
    internal::Columns<2>(a, b, b_row, c, c_row, rows, inner);
    b += 2 * kLanes;
    c += 2 * kLanes;
  }
#endif
  for (; columns > 0; columns -= kLanes) {
    internal::Columns<1>(a, b, b_row, c, c_row, rows, inner);
    b += kLanes;
    c += kLanes;
  }
}

}  // namespace mapl

#endif  // TFJS_MAPL_SMALL_PRODUCT_H_
