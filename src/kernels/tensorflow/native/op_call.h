// What the files that register ops share: access to a call's buffers, and kernels made of a function.
#ifndef TFJS_MAPL_OP_CALL_H_
#define TFJS_MAPL_OP_CALL_H_

#include "compute.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/lib/core/threadpool.h"

namespace mapl {

using tensorflow::DEVICE_CPU;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;
using tensorflow::shape_inference::InferenceContext;

// Shape function: output i has the shape of input `from[i]`.
template <int... kFrom>
absl::Status ShapesOf(InferenceContext* context) {
  int output = 0;
  (context->set_output(output++, context->input(kFrom)), ...);
  return absl::OkStatus();
}

// Access to one call: inputs, outputs and threads.
class Call {
 public:
  explicit Call(OpKernelContext* context) : context_(context) {}

  int inputs() const { return context_->num_inputs(); }
  const TensorShape& shape(int input) const { return context_->input(input).shape(); }
  int64_t size(int input) const { return context_->input(input).NumElements(); }
  int64_t dim(int input, int axis) const { return shape(input).dim_size(axis); }
  const float* floats(int input) const { return context_->input(input).flat<float>().data(); }
  const int32_t* ints(int input) const { return context_->input(input).flat<int32_t>().data(); }

  // Null after a failed allocation, which the context then reports.
  template <typename T = float>
  T* output(int index, const TensorShape& shape) const {
    Tensor* tensor = nullptr;
    context_->SetStatus(context_->allocate_output(index, shape, &tensor));
    return tensor == nullptr ? nullptr : tensor->flat<T>().data();
  }
  bool ok() const { return context_->status().ok(); }

  bool Require(bool condition, const char* message) const {
    if (!condition) context_->SetStatus(InvalidArgument(message));
    return condition;
  }
  bool RequireRank(int input, int rank, const char* message) const {
    return Require(shape(input).dims() == rank, message);
  }
  // The shape whose sizes are in input `input`, in host memory.
  bool ShapeIn(int input, TensorShape* shape) const {
    for (int64_t i = 0; i < size(input); i++) {
      if (!Require(ints(input)[i] >= 0, "shape: expected no negative size")) return false;
      shape->AddDim(ints(input)[i]);
    }
    return true;
  }
  bool RequireIds(int input, int64_t limit, const char* message) const {
    const int32_t* ids = ints(input);
    const int64_t n = size(input);
    bool within = true;
    for (int64_t i = 0; i < n; i++) within &= ids[i] >= 0 && ids[i] < limit;
    return Require(within, message);
  }

  Parallel parallel() const {
    auto* pool = context_->device()->tensorflow_cpu_worker_threads()->workers;
    return [pool](int64_t items, double cost, const Range& body) {
      if (items <= 0) return;
      if (items == 1 || items * cost < kWorthThreads) return body(0, items);
      pool->ParallelFor(items, static_cast<int64_t>(cost) + 1, body);
    };
  }

 private:
  // Cycles below which waking threads costs more than it saves.
  static constexpr double kWorthThreads = 30000;
  OpKernelContext* const context_;
};

// A kernel whose Compute is `kRun`, with up to one float attribute.
template <void (*kRun)(const Call&)>
class Plain : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override { kRun(Call(context)); }
};

template <void (*kRun)(const Call&, float)>
class WithFloat : public OpKernel {
 public:
  WithFloat(OpKernelConstruction* context, const char* name) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr(name, &value_));
  }
  void Compute(OpKernelContext* context) override { kRun(Call(context), value_); }

 private:
  float value_;
};

template <void (*kRun)(const Call&, float)>
class WithEpsilon : public WithFloat<kRun> {
 public:
  explicit WithEpsilon(OpKernelConstruction* context) : WithFloat<kRun>(context, "epsilon") {}
};

template <void (*kRun)(const Call&, float)>
class WithScale : public WithFloat<kRun> {
 public:
  explicit WithScale(OpKernelConstruction* context) : WithFloat<kRun>(context, "scale") {}
};

}  // namespace mapl

#endif  // TFJS_MAPL_OP_CALL_H_
