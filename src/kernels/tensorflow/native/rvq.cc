// Residual vector quantisation: in each round the nearest code of every group, then the residual loses it. Vectors run
// over codes; no distance is kept but the smallest of each lane.
//
// Squares are rounded before they are added, as every tfjs backend does: a fused multiply-add would break ties between
// codes that are equally near, and choose other codes than the composed reference.
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include "compute.h"
#include "scratch.h"
#include "vector.h"

namespace mapl {
namespace {

constexpr int64_t kRows = 64;        // Of an item.
constexpr int kTile = 4;             // Rows that share the loads of a code.
constexpr int kCodes = 2 * kLanes;   // Codes that are compared at once.

// Codebooks [books,codes,width] as [books,blocks,width,kCodes]: the same coordinate of kCodes codes lies together. Codes
// that do not exist are infinitely far away.
void PackCodes(const float* from, int64_t books, int64_t codes, int64_t width, float* to,
               const Parallel& parallel) {
  const int64_t blocks = (codes + kCodes - 1) / kCodes;
  parallel(books * blocks, 2.0 * width * kCodes, [=](int64_t first, int64_t last) {
    for (int64_t item = first; item < last; item++) {
      const float* book = from + item / blocks * codes * width;
      const int64_t start = item % blocks * kCodes;
      for (int64_t j = 0; j < width; j++) {
        for (int64_t k = 0; k < kCodes; k++) {
          const bool exists = start + k < codes;
          to[(item * width + j) * kCodes + k] =
              exists ? book[(start + k) * width + j] : INFINITY;
        }
      }
    }
  });
}

// The smallest distance, and of equal ones the lowest index; 0 if no distance is a number below infinity.
int32_t Winner(const Vec best[2], const IntVec index[2]) {
  float smallest = INFINITY;
  int32_t winner = 0;
  for (int half = 0; half < 2; half++) {
    float distances[kLanes];
    int32_t codes[kLanes];
    Store(distances, best[half]);
    std::memcpy(codes, &index[half], sizeof codes);
    for (int lane = 0; lane < kLanes; lane++) {
      const bool nearer = distances[lane] < smallest;
      if (nearer || (distances[lane] == smallest && codes[lane] < winner)) {
        smallest = distances[lane];
        winner = codes[lane];
      }
    }
  }
  return smallest < INFINITY ? winner : 0;
}

// Codes for `kCount` rows of residuals, `row` floats apart.
template <int kCount>
void Nearest(const float* residuals, int64_t row, const float* book, int64_t blocks,
             int64_t width, int32_t* winners) {
  Vec best[kCount][2];
  IntVec index[kCount][2] = {};
  for (int i = 0; i < kCount; i++) best[i][0] = best[i][1] = Splat(INFINITY);
  int32_t numbers[kCodes];
  for (int k = 0; k < kCodes; k++) numbers[k] = k;
  IntVec code[2];
  std::memcpy(code, numbers, sizeof code);
  for (int64_t block = 0; block < blocks; block++) {
    Vec distance[kCount][2] = {};
    for (int64_t j = 0; j < width; j++) {
      const Vec left = Load(book), right = Load(book + kLanes);
      book += kCodes;
      for (int i = 0; i < kCount; i++) {
        const float value = residuals[i * row + j];
        const Vec a = left - value, b = right - value;
        distance[i][0] += a * a;
        distance[i][1] += b * b;
      }
    }
    for (int i = 0; i < kCount; i++) {
      for (int half = 0; half < 2; half++) {
        // Strictly nearer: within a lane the lowest index stays.
        const IntVec nearer = distance[i][half] < best[i][half];
        best[i][half] = nearer ? distance[i][half] : best[i][half];
        index[i][half] = nearer ? code[half] : index[i][half];
      }
    }
    code[0] += kCodes;
    code[1] += kCodes;
  }
  for (int i = 0; i < kCount; i++) winners[i] = Winner(best[i], index[i]);
}

}  // namespace

void RvqEncode(const float* z, const float* codebooks, int32_t* indices, const RvqSizes& s,
               const Parallel& parallel) {
  const int64_t blocks = (s.codes + kCodes - 1) / kCodes;
  const int64_t packed_book = blocks * s.width * kCodes, book_size = s.codes * s.width;
  const int64_t row = s.groups * s.width;
  Scratch packed(s.rounds * s.groups * packed_book);
  PackCodes(codebooks, s.rounds * s.groups, s.codes, s.width, packed.data(), parallel);
  const float* const books = packed.data();
  const double cost = 0.15 * kRows * s.rounds * row * s.codes;
  parallel((s.rows + kRows - 1) / kRows, cost, [=, &s](int64_t first, int64_t last) {
    Scratch memory(kRows * row);
    float* const residuals = memory.data();
    for (int64_t item = first; item < last; item++) {
      const int64_t start = item * kRows;
      const int64_t count = std::min(kRows, s.rows - start);
      std::copy_n(z + start * row, count * row, residuals);
      for (int64_t book = 0; book < s.rounds * s.groups; book++) {
        const int64_t round = book / s.groups, group = book % s.groups;
        int32_t winners[kRows];
        float* const from = residuals + group * s.width;
        int64_t i = 0;
        for (; i + kTile <= count; i += kTile) {
          Nearest<kTile>(from + i * row, row, books + book * packed_book, blocks, s.width,
                         winners + i);
        }
        for (; i < count; i++) {
          Nearest<1>(from + i * row, row, books + book * packed_book, blocks, s.width,
                     winners + i);
        }
        for (i = 0; i < count; i++) {
          const float* code = codebooks + book * book_size + winners[i] * s.width;
          for (int64_t j = 0; j < s.width; j++) from[i * row + j] -= code[j];
          indices[(round * s.rows + start + i) * s.groups + group] = winners[i];
        }
      }
    }
  });
}

void RvqDecode(const int32_t* indices, const float* codebooks, float* z, const RvqSizes& s,
               const Parallel& parallel) {
  const int64_t row = s.groups * s.width;
  parallel(s.rows, 1.0 * s.rounds * row, [=, &s](int64_t first, int64_t last) {
    std::fill(z + first * row, z + last * row, 0.0f);
    for (int64_t i = first; i < last; i++) {
      for (int64_t book = 0; book < s.rounds * s.groups; book++) {
        const int64_t round = book / s.groups, group = book % s.groups;
        const int64_t code = indices[(round * s.rows + i) * s.groups + group];
        const float* from = codebooks + (book * s.codes + code) * s.width;
        float* to = z + i * row + group * s.width;
        for (int64_t j = 0; j < s.width; j++) to[j] += from[j];
      }
    }
  });
}

}  // namespace mapl
