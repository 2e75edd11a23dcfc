// Runs the plain-memory kernels of src/kernels/tensorflow/native on one thread and on several, with ranges cut in different
// ways, and compares bits. Compiled with -fsanitize=thread where that works: then it also finds races.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "compute.h"

namespace {

using mapl::Parallel;
using mapl::Range;
using Floats = std::vector<float>;

Floats Normal(int64_t count, uint32_t seed) {
  Floats values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& v : values) {
    float sum = 0;
    for (int i = 0; i < 4; i++) {
      state = state * 1664525u + 1013904223u;
      sum += static_cast<float>(state >> 8) / (1 << 24) - 0.5f;
    }
    v = sum * 1.7f;
  }
  return values;
}

std::vector<int32_t> Ids(int64_t count, int32_t limit) {
  std::vector<int32_t> ids(count);
  for (int64_t i = 0; i < count; i++) ids[i] = static_cast<int32_t>((i + 3) * 7919 % limit);
  return ids;
}

// `threads` threads that take ranges of `size` items from a counter.
Parallel Pool(int threads, int64_t size) {
  return [=](int64_t items, double, const Range& body) {
    std::atomic<int64_t> next{0};
    std::vector<std::thread> running;
    for (int t = 0; t < threads; t++) {
      running.emplace_back([&] {
        for (int64_t first; (first = next.fetch_add(size)) < items;) {
          body(first, std::min(items, first + size));
        }
      });
    }
    for (std::thread& thread : running) thread.join();
  };
}

int failures = 0;

// run(parallel, outputs): outputs of `sizes` floats, poisoned before.
template <typename Run>
void Check(const char* name, const std::vector<int64_t>& sizes, const Run& run) {
  std::vector<std::vector<Floats>> results;
  const Parallel whole = [](int64_t items, double, const Range& body) {
    if (items > 0) body(0, items);
  };
  for (const Parallel& parallel : {whole, Pool(4, 1), Pool(3, 2), Pool(2, 5)}) {
    std::vector<Floats> outputs;
    for (const int64_t size : sizes) outputs.emplace_back(size, -1e30f);
    run(parallel, outputs);
    results.push_back(outputs);
  }
  bool same = true, written = true;
  for (const auto& outputs : results) {
    for (size_t i = 0; i < outputs.size(); i++) {
      same &= std::memcmp(outputs[i].data(), results[0][i].data(), sizes[i] * sizeof(float)) == 0;
      for (const float v : outputs[i]) written &= v != -1e30f;
    }
  }
  std::printf("%s: %s\n", name, !same ? "DIFFERENT BITS" : !written ? "NOT WRITTEN" : "ok");
  failures += !same || !written;
}

}  // namespace

int main() {
  const int64_t n = 131, d = 70;
  const Floats x = Normal(n * d, 1), y = Normal(n * d, 2), w = Normal(d, 3);
  const auto ids = Ids(n, 17);
  Check("RmsNorm", {n * d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::RmsNorm(x.data(), w.data(), o[0].data(), n, d, 1e-5f, p);
  });
  Check("RmsNormGrad", {n * d, d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::RmsNormGrad(x.data(), w.data(), y.data(), o[0].data(), o[1].data(), n, d, 1e-5f, p);
  });
  const int64_t many = 20000;
  const Floats a = Normal(many, 4), b = Normal(many, 5), c = Normal(many, 6);
  Floats squares = c;
  for (float& v : squares) v *= v;
  Check("RotaryEmbedding", {many}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::RotaryEmbedding(a.data(), b.data(), c.data(), o[0].data(), 20, 20, 50, p);
  });
  Check("SwiGlu", {many}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::SwiGlu(a.data(), b.data(), o[0].data(), many, p);
  });
  Check("SwiGluGrad", {many, many}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::SwiGluGrad(a.data(), b.data(), c.data(), o[0].data(), o[1].data(), many, p);
  });
  // Words are compared as the floats of the same bits.
  Check("PackHalf", {(many + 1) / 2}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::PackHalf(a.data(), reinterpret_cast<int32_t*>(o[0].data()), many, p);
  });
  Check("UnpackHalf", {many}, [&](const Parallel& p, std::vector<Floats>& o) {
    std::vector<int32_t> packed((many + 1) / 2);
    mapl::PackHalf(a.data(), packed.data(), many, p);
    mapl::UnpackHalf(packed.data(), o[0].data(), many, p);
  });
  Check("AdamW", {many, many, many}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::AdamW(a.data(), b.data(), c.data(), squares.data(), o[0].data(), o[1].data(), o[2].data(),
                many, {0.1f, 0.99f, 0.01f, 1e-8f, 0.01f, 0.999f}, p);
  });
  Check("MuonUpdate", {many, many}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::MuonUpdate(a.data(), b.data(), o[0].data(), o[1].data(), many, 0.95f, 0.05f, true, p);
  });
  Check("GlobalNorm", {3}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::GlobalNorm({a.data(), x.data(), w.data()}, {many, n * d, d}, o[0].data(), p);
  });
  Check("ScatterRows", {17 * d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::ScatterRows(x.data(), ids.data(), o[0].data(), n, 17, d, p);
  });
  Check("SparseCrossEntropy", {n, n}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::SparseCrossEntropy(x.data(), ids.data(), o[0].data(), o[1].data(), n, d, p);
  });
  Check("SparseCrossEntropyGrad", {n * d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::SparseCrossEntropyGrad(x.data(), ids.data(), y.data(), a.data(), o[0].data(), n, d, p);
  });
  const mapl::AttentionSizes s = {2, 4, 2, 70, 90, 20};
  const int64_t q_size = 2 * 4 * 70 * 20, k_size = 2 * 2 * 90 * 20, rows = 2 * 4 * 70;
  const Floats q = Normal(q_size, 7), k = Normal(k_size, 8), v = Normal(k_size, 9);
  Check("CausalAttention", {q_size, rows}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::CausalAttention(q.data(), k.data(), v.data(), o[0].data(), o[1].data(), s, 0.2f, p);
  });
  Check("CausalAttentionGrad", {q_size, k_size, k_size},
        [&](const Parallel& p, std::vector<Floats>& o) {
          mapl::CausalAttentionGrad(q.data(), k.data(), v.data(), q.data(), Normal(rows, 10).data(),
                                    q.data(), o[0].data(), o[1].data(), o[2].data(), s, 0.2f, p);
        });
  const int64_t r = 33, anchor = 21;
  const Floats projector = Normal(d * r, 11), anchors = Normal(17 * anchor, 12);
  const Floats basis = Normal(anchor * d, 13), z = Normal(n * r, 14);
  const mapl::BoundarySizes sizes = {n, d, r, anchor};
  Check("BoundaryEncode", {n * r}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::BoundaryEncode(x.data(), ids.data(), projector.data(), anchors.data(), basis.data(),
                         o[0].data(), sizes, p);
  });
  Check("BoundaryDecode", {n * d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::BoundaryDecode(z.data(), ids.data(), projector.data(), anchors.data(), basis.data(),
                         o[0].data(), sizes, p);
  });
  const Floats coefficients = {1.875f, -1.25f, 0.375f, 1.875f, -1.25f, 0.375f};
  Check("PolarFactor", {2 * 65 * 70}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::PolarFactor(x.data(), coefficients.data(), 2, o[0].data(), 2, 65, 70, p);
  });
  const mapl::RvqSizes rvq = {n, 2, 7, 37, 10};
  const Floats books = Normal(2 * 7 * 37 * 10, 15);
  std::vector<int32_t> first;
  Check("RvqEncode", {2 * n * 7}, [&](const Parallel& p, std::vector<Floats>& o) {
    std::vector<int32_t> indices(o[0].size(), -1);
    mapl::RvqEncode(x.data(), books.data(), indices.data(), rvq, p);
    std::copy(indices.begin(), indices.end(), o[0].begin());
    first = indices;
  });
  Check("RvqDecode", {n * d}, [&](const Parallel& p, std::vector<Floats>& o) {
    mapl::RvqDecode(first.data(), books.data(), o[0].data(), rvq, p);
  });
  return failures;
}
