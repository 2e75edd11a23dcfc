// Uninitialised memory that vectors may be loaded from.
#ifndef TFJS_MAPL_SCRATCH_H_
#define TFJS_MAPL_SCRATCH_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace mapl {

class Scratch {
 public:
  explicit Scratch(int64_t floats)
      : data_(static_cast<float*>(
            std::aligned_alloc(64, (std::max<int64_t>(1, floats) * sizeof(float) + 63) / 64 * 64))) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  float* data() const { return data_.get(); }
  void Zero(int64_t floats) { std::fill_n(data(), floats, 0.0f); }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float, Free> data_;
};

}  // namespace mapl

#endif  // TFJS_MAPL_SCRATCH_H_
