// The TensorFlow ops of optimizers.
#include "op_call.h"

namespace mapl {
namespace {

// The scalars are an input, not attributes: TensorFlow keeps a kernel for every value of an attribute, and these change
// from step to step.
void RunAdamW(const Call& call) {
  const bool fits = call.shape(1) == call.shape(0) && call.shape(2) == call.shape(0) &&
                    call.shape(3) == call.shape(0) && call.size(4) == 6;
  if (!call.Require(fits, "gradient, first, second: expected the shape of value")) return;
  const float* s = call.floats(4);
  const AdamWScalars scalars = {s[0], s[1], s[2], s[3], s[4], s[5]};
  float* value = call.output(0, call.shape(0));
  float* first = call.output(1, call.shape(0));
  float* second = call.output(2, call.shape(0));
  if (!call.ok()) return;
  AdamW(call.floats(0), call.floats(1), call.floats(2), call.floats(3), value, first, second,
        call.size(0), scalars, call.parallel());
}

// keep, take: numbers that may change from step to step, see RunAdamW.
class MuonKernel : public OpKernel {
 public:
  explicit MuonKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("nesterov", &nesterov_));
  }
  void Compute(OpKernelContext* context) override {
    const Call call(context);
    const bool fits = call.shape(1) == call.shape(0) && call.size(2) == 2;
    if (!call.Require(fits, "gradient: expected the shape of momentum")) return;
    float* momentum = call.output(0, call.shape(0));
    float* direction = call.output(1, call.shape(0));
    if (!call.ok()) return;
    const float* factors = call.floats(2);
    MuonUpdate(call.floats(0), call.floats(1), momentum, direction, call.size(0), factors[0],
               factors[1], nesterov_, call.parallel());
  }

 private:
  bool nesterov_;
};

void RunGlobalNorm(const Call& call) {
  std::vector<const float*> tensors;
  std::vector<int64_t> sizes;
  for (int i = 0; i < call.inputs(); i++) {
    tensors.push_back(call.floats(i));
    sizes.push_back(call.size(i));
  }
  float* squares = call.output(0, {call.inputs()});
  if (!call.ok()) return;
  GlobalNorm(tensors, sizes, squares, call.parallel());
}

REGISTER_OP("MaplAdamW")
    .Input("value: float")
    .Input("gradient: float")
    .Input("first: float")
    .Input("second: float")
    .Input("scalars: float")
    .Output("new_value: float")
    .Output("new_first: float")
    .Output("new_second: float")
    .SetShapeFn(ShapesOf<0, 0, 0>);
REGISTER_KERNEL_BUILDER(Name("MaplAdamW").Device(DEVICE_CPU), Plain<RunAdamW>);

REGISTER_OP("MaplMuon")
    .Input("momentum: float")
    .Input("gradient: float")
    .Input("factors: float")
    .Output("new_momentum: float")
    .Output("direction: float")
    .Attr("nesterov: bool")
    .SetShapeFn(ShapesOf<0, 0>);
REGISTER_KERNEL_BUILDER(Name("MaplMuon").Device(DEVICE_CPU), MuonKernel);

REGISTER_OP("MaplGlobalNorm")
    .Input("tensors: N * float")
    .Output("squares: float")
    .Attr("N: int >= 1")
    .SetShapeFn([](InferenceContext* context) -> absl::Status {
      context->set_output(0, context->Vector(context->num_inputs()));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("MaplGlobalNorm").Device(DEVICE_CPU), Plain<RunGlobalNorm>);

}  // namespace
}  // namespace mapl
