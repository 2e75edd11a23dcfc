// Causal attention in blocks of 64 queries by 64 keys (FlashAttention, arXiv 2205.14135): the scores of a block never
// leave the cache. Blocks above the diagonal are skipped.
//
// Blocks are held transposed, a column for each query: vectors run over queries, so that the softmax needs no sums within
// a vector, and keys and values are read where they lie, whatever the width of a head.
#include <algorithm>
#include <cmath>
#include <vector>

#include "compute.h"
#include "scratch.h"
#include "small_product.h"
#include "vector.h"

namespace mapl {
namespace {

constexpr int64_t kQueries = 64;  // Of a block; a multiple of kLanes.
constexpr int64_t kKeys = 64;

// to [width,kQueries] = factor · from [count,width]ᵀ, zeros for queries that do not exist.
void PackTransposed(const float* from, int64_t count, int64_t width, float factor, float* to) {
  for (int64_t i = 0; i < count; i++) {
    for (int64_t c = 0; c < width; c++) to[c * kQueries + i] = factor * from[i * width + c];
  }
  if (count == kQueries) return;
  for (int64_t c = 0; c < width; c++) {
    std::fill(to + c * kQueries + count, to + (c + 1) * kQueries, 0.0f);
  }
}

void UnpackTransposed(const float* from, int64_t count, int64_t width, const float* factors,
                      float* to) {
  for (int64_t i = 0; i < count; i++) {
    for (int64_t c = 0; c < width; c++) to[i * width + c] = from[c * kQueries + i] * factors[i];
  }
}

// scores [keys,kQueries] of keys `key` and up. Query i of the block sees the keys up to `last_seen + i`.
void Scores(const float* keys, int64_t key, int64_t count, const float* queries, int64_t width,
            int64_t last_seen, float* scores) {
  std::fill_n(scores, count * kQueries, 0.0f);
  AddProduct({keys + key * width, width, 1}, queries, kQueries, scores, kQueries, count, kQueries,
             width);
  for (int64_t j = std::max<int64_t>(0, last_seen + 1 - key); j < count; j++) {
    const int64_t hidden = std::min(kQueries, key + j - last_seen);
    std::fill_n(scores + j * kQueries, hidden, -INFINITY);
  }
}

// A block of queries of one head.
struct QueryBlock {
  int64_t start;      // First row in [batch · heads · queries].
  int64_t count;      // Rows of it.
  int64_t last_seen;  // Last key that its first query sees.
  int64_t seen;       // Keys that its last query sees.
};

QueryBlock BlockAt(const AttentionSizes& sizes, int64_t head, int64_t block) {
  const int64_t first = block * kQueries;
  const int64_t count = std::min(kQueries, sizes.queries - first);
  const int64_t last_seen = sizes.keys - sizes.queries + first;
  return {head * sizes.queries + first, count, last_seen, last_seen + count};
}

}  // namespace

void CausalAttention(const float* q, const float* k, const float* v, float* out, float* lse,
                     const AttentionSizes& s, float scale, const Parallel& parallel) {
  const int64_t blocks = (s.queries + kQueries - 1) / kQueries;
  const int64_t per_group = s.heads / s.groups;
  const int64_t width = s.width;
  const double cost = 0.5 * kQueries * s.keys * width;
  parallel(s.batch * s.heads * blocks, cost, [=, &s](int64_t first, int64_t last) {
    Scratch packed(width * kQueries), sums(width * kQueries), weights(kKeys * kQueries);
    for (int64_t item = first; item < last; item++) {
      const int64_t head = item / blocks;
      const QueryBlock block = BlockAt(s, head, item % blocks);
      const float* keys = k + head / per_group * s.keys * width;
      const float* values = v + head / per_group * s.keys * width;
      PackTransposed(q + block.start * width, block.count, width, scale, packed.data());
      sums.Zero(width * kQueries);
      float largest[kQueries], total[kQueries];
      std::fill_n(largest, kQueries, -INFINITY);
      std::fill_n(total, kQueries, 0.0f);
      for (int64_t key = 0; key < block.seen; key += kKeys) {
        const int64_t count = std::min(kKeys, block.seen - key);
        float* const p = weights.data();
        Scores(keys, key, count, packed.data(), width, block.last_seen, p);
        for (int64_t i = 0; i < kQueries; i += kLanes) {
          const Vec before = Load(largest + i);
          Vec now = before;
          for (int64_t j = 0; j < count; j++) now = Max(Load(p + j * kQueries + i), now);
          Vec sum = {};
          for (int64_t j = 0; j < count; j++) {
            const Vec weight = Exp(Load(p + j * kQueries + i) - now);
            Store(p + j * kQueries + i, weight);
            sum += weight;
          }
          if (key > 0) {
            const Vec shrink = Exp(before - now);
            sum += Load(total + i) * shrink;
            for (int64_t c = 0; c < width; c++) {
              float* at = sums.data() + c * kQueries + i;
              Store(at, Load(at) * shrink);
            }
          }
          Store(total + i, sum);
          Store(largest + i, now);
        }
        AddProduct({values + key * width, 1, width}, p, kQueries, sums.data(), kQueries, width,
                   kQueries, count);
      }
      for (int64_t i = 0; i < block.count; i++) {
        lse[block.start + i] = largest[i] + std::log(total[i]);
        total[i] = 1.0f / total[i];
      }
      UnpackTransposed(sums.data(), block.count, width, total, out + block.start * width);
    }
  });
}

// With p = exp(scores − lse) and D = Σ dout · out per query: dv = pᵀ dout, ds = p (dout vᵀ − D), dq = scale · ds k,
// dk = scale · dsᵀ q.
//
// An item is a key/value head; where there are few of them, a share of its query blocks, and the shares of dk and dv are
// added afterwards.
void CausalAttentionGrad(const float* q, const float* k, const float* v, const float* out,
                         const float* lse, const float* dout, float* dq, float* dk, float* dv,
                         const AttentionSizes& s, float scale, const Parallel& parallel) {
  constexpr int64_t kItems = 16;
  constexpr int64_t kMoreFloats = 16 << 20;  // For the shares of dk and dv: 64 MiB.
  const int64_t blocks = (s.queries + kQueries - 1) / kQueries;
  const int64_t per_group = s.heads / s.groups;
  const int64_t pairs = s.batch * s.groups;
  const int64_t size = s.keys * s.width;
  const int64_t affordable = 1 + kMoreFloats / std::max<int64_t>(1, 2 * pairs * size);
  const int64_t wanted = pairs == 0 ? 1 : (kItems + pairs - 1) / pairs;
  const int64_t shares =
      std::max<int64_t>(1, std::min({wanted, affordable, per_group * blocks}));
  const int64_t width = s.width;
  const int64_t padded = (width + kLanes - 1) / kLanes * kLanes;
  std::vector<float> more(2 * (shares - 1) * pairs * size);
  float* const others = more.data();
  const auto share_of = [=](float* first, int64_t which, int64_t pair, int64_t share) {
    return share == 0 ? first + pair * size
                      : others + ((which * (shares - 1) + share - 1) * pairs + pair) * size;
  };
  const double cost = 1.5 * per_group * s.queries * s.keys * width / shares;
  parallel(pairs * shares, cost, [=, &s](int64_t first, int64_t last) {
    Scratch packed_q(width * kQueries), packed_dout(width * kQueries), packed_dq(width * kQueries);
    Scratch rows_q(kQueries * padded), rows_dout(kQueries * padded);
    Scratch weights(kKeys * kQueries), slopes(kKeys * kQueries);
    Scratch sum_dk(s.keys * padded), sum_dv(s.keys * padded);
    for (int64_t item = first; item < last; item++) {
      const int64_t pair = item / shares, share = item % shares;
      const float* keys = k + pair * size;
      const float* values = v + pair * size;
      sum_dk.Zero(s.keys * padded);
      sum_dv.Zero(s.keys * padded);
      for (int64_t unit = share; unit < per_group * blocks; unit += shares) {
        const QueryBlock block = BlockAt(s, pair * per_group + unit / blocks, unit % blocks);
        const float* from_q = q + block.start * width;
        const float* from_dout = dout + block.start * width;
        PackTransposed(from_q, block.count, width, scale, packed_q.data());
        PackTransposed(from_dout, block.count, width, 1.0f, packed_dout.data());
        packed_dq.Zero(width * kQueries);
        rows_q.Zero(kQueries * padded);
        rows_dout.Zero(kQueries * padded);
        float shift[kQueries] = {}, along[kQueries] = {}, factor[kQueries];
        std::fill_n(factor, kQueries, scale);
        for (int64_t i = 0; i < block.count; i++) {
          const float* row = out + (block.start + i) * width;
          for (int64_t c = 0; c < width; c++) {
            rows_q.data()[i * padded + c] = scale * from_q[i * width + c];
            rows_dout.data()[i * padded + c] = from_dout[i * width + c];
          }
          shift[i] = lse[block.start + i];
          along[i] = Dot(row, from_dout + i * width, width);
        }
        for (int64_t key = 0; key < block.seen; key += kKeys) {
          const int64_t count = std::min(kKeys, block.seen - key);
          float* const p = weights.data();
          float* const ds = slopes.data();
          Scores(keys, key, count, packed_q.data(), width, block.last_seen, p);
          std::fill_n(ds, count * kQueries, 0.0f);
          AddProduct({values + key * width, width, 1}, packed_dout.data(), kQueries, ds, kQueries,
                     count, kQueries, width);
          for (int64_t j = 0; j < count; j++) {
            for (int64_t i = 0; i < kQueries; i += kLanes) {
              const int64_t at = j * kQueries + i;
              const Vec weight = Exp(Load(p + at) - Load(shift + i));
              Store(p + at, weight);
              Store(ds + at, weight * (Load(ds + at) - Load(along + i)));
            }
          }
          // A key seen alone has weight 1 whatever its score: a difference of equals, of which rounding leaves something.
          if (key == 0 && block.last_seen == 0) ds[0] *= 0.0f;
          AddProduct({keys + key * width, 1, width}, ds, kQueries, packed_dq.data(), kQueries,
                     width, kQueries, count);
          AddProduct({ds, kQueries, 1}, rows_q.data(), padded, sum_dk.data() + key * padded, padded,
                     count, padded, block.count);
          AddProduct({p, kQueries, 1}, rows_dout.data(), padded, sum_dv.data() + key * padded,
                     padded, count, padded, block.count);
        }
        UnpackTransposed(packed_dq.data(), block.count, width, factor, dq + block.start * width);
      }
      float* const to_dk = share_of(dk, 0, pair, share);
      float* const to_dv = share_of(dv, 1, pair, share);
      for (int64_t j = 0; j < s.keys; j++) {
        std::copy_n(sum_dk.data() + j * padded, width, to_dk + j * width);
        std::copy_n(sum_dv.data() + j * padded, width, to_dv + j * width);
      }
    }
  });
  if (shares == 1) return;
  parallel(pairs, 2.0 * shares * size, [=](int64_t first, int64_t last) {
    for (int64_t pair = first; pair < last; pair++) {
      for (int64_t share = 1; share < shares; share++) {
        const float* from_dk = share_of(dk, 0, pair, share);
        const float* from_dv = share_of(dv, 1, pair, share);
        for (int64_t i = 0; i < size; i++) {
          dk[pair * size + i] += from_dk[i];
          dv[pair * size + i] += from_dv[i];
        }
      }
    }
  });
}

}  // namespace mapl
