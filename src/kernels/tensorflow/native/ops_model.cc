// The TensorFlow ops of a LLaMA's layers: names, shapes, and kernels that hand their buffers to `compute.h`. tfjs-node
// runs them by name, as it runs TensorFlow's own.
#include "op_call.h"

namespace mapl {
namespace {

void RunRmsNorm(const Call& call, float epsilon) {
  if (!call.RequireRank(0, 2, "x: expected rank 2")) return;
  if (!call.Require(call.size(1) == call.dim(0, 1), "weight: expected one number a column")) return;
  float* y = call.output(0, call.shape(0));
  if (!call.ok()) return;
  RmsNorm(call.floats(0), call.floats(1), y, call.dim(0, 0), call.dim(0, 1), epsilon,
          call.parallel());
}

void RunRmsNormGrad(const Call& call, float epsilon) {
  if (!call.RequireRank(0, 2, "x: expected rank 2")) return;
  if (!call.Require(call.size(1) == call.dim(0, 1), "weight: expected one number a column")) return;
  if (!call.Require(call.shape(2) == call.shape(0), "dy: expected the shape of x")) return;
  float* dx = call.output(0, call.shape(0));
  float* dweight = call.output(1, call.shape(1));
  if (!call.ok()) return;
  RmsNormGrad(call.floats(0), call.floats(1), call.floats(2), dx, dweight, call.dim(0, 0),
              call.dim(0, 1), epsilon, call.parallel());
}

void RunRotaryEmbedding(const Call& call) {
  if (!call.RequireRank(0, 4, "x: expected rank 4")) return;
  const int64_t time = call.dim(0, 2), width = call.dim(0, 3);
  const TensorShape table({time, width / 2});
  const bool fits = width % 2 == 0 && call.shape(1) == table && call.shape(2) == table;
  if (!call.Require(fits, "cos, sin: expected [time, width / 2] of x")) return;
  float* y = call.output(0, call.shape(0));
  if (!call.ok()) return;
  RotaryEmbedding(call.floats(0), call.floats(1), call.floats(2), y, call.dim(0, 0) * call.dim(0, 1),
                  time, width, call.parallel());
}

void RunSwiGlu(const Call& call) {
  if (!call.Require(call.shape(1) == call.shape(0), "up: expected the shape of gate")) return;
  float* y = call.output(0, call.shape(0));
  if (!call.ok()) return;
  SwiGlu(call.floats(0), call.floats(1), y, call.size(0), call.parallel());
}

void RunSwiGluGrad(const Call& call) {
  const bool fits = call.shape(1) == call.shape(0) && call.shape(2) == call.shape(0);
  if (!call.Require(fits, "up, dy: expected the shape of gate")) return;
  float* dgate = call.output(0, call.shape(0));
  float* dup = call.output(1, call.shape(0));
  if (!call.ok()) return;
  SwiGluGrad(call.floats(0), call.floats(1), call.floats(2), dgate, dup, call.size(0),
             call.parallel());
}

void RunPackHalf(const Call& call) {
  int32_t* packed = call.output<int32_t>(0, TensorShape({(call.size(0) + 1) / 2}));
  if (!call.ok()) return;
  PackHalf(call.floats(0), packed, call.size(0), call.parallel());
}

void RunUnpackHalf(const Call& call) {
  TensorShape shape;
  if (!call.ShapeIn(1, &shape)) return;
  const int64_t size = shape.num_elements();
  if (!call.Require((size + 1) / 2 == call.size(0), "packed: expected a word for two values")) return;
  float* x = call.output(0, shape);
  if (!call.ok()) return;
  UnpackHalf(call.ints(0), x, size, call.parallel());
}

// Sizes from q, k and v at inputs 0 to 2.
bool SizesOf(const Call& call, AttentionSizes* sizes) {
  for (int i = 0; i < 3; i++) {
    if (!call.RequireRank(i, 4, "q, k, v: expected rank 4")) return false;
  }
  *sizes = {call.dim(0, 0), call.dim(0, 1), call.dim(1, 1),
            call.dim(0, 2), call.dim(1, 2), call.dim(0, 3)};
  const AttentionSizes& s = *sizes;
  const bool fits = call.shape(1) == call.shape(2) && call.dim(1, 0) == s.batch &&
                    call.dim(1, 3) == s.width && s.groups > 0 && s.heads % s.groups == 0 &&
                    s.queries <= s.keys;
  return call.Require(fits, "q, k, v: shapes do not belong together");
}

TensorShape LseShape(const AttentionSizes& s) { return {s.batch, s.heads, s.queries}; }

void RunCausalAttention(const Call& call, float scale) {
  AttentionSizes sizes;
  if (!SizesOf(call, &sizes)) return;
  float* out = call.output(0, call.shape(0));
  float* lse = call.output(1, LseShape(sizes));
  if (!call.ok()) return;
  CausalAttention(call.floats(0), call.floats(1), call.floats(2), out, lse, sizes, scale,
                  call.parallel());
}

void RunCausalAttentionGrad(const Call& call, float scale) {
  AttentionSizes sizes;
  if (!SizesOf(call, &sizes)) return;
  const bool fits = call.shape(3) == call.shape(0) && call.shape(4) == LseShape(sizes) &&
                    call.shape(5) == call.shape(0);
  if (!call.Require(fits, "out, lse, dout: shapes do not belong to q")) return;
  float* dq = call.output(0, call.shape(0));
  float* dk = call.output(1, call.shape(1));
  float* dv = call.output(2, call.shape(2));
  if (!call.ok()) return;
  CausalAttentionGrad(call.floats(0), call.floats(1), call.floats(2), call.floats(3),
                      call.floats(4), call.floats(5), dq, dk, dv, sizes, scale, call.parallel());
}

void RunSparseCrossEntropy(const Call& call) {
  if (!call.RequireRank(0, 2, "logits: expected rank 2")) return;
  const int64_t n = call.dim(0, 0), classes = call.dim(0, 1);
  if (!call.Require(call.size(1) == n, "targets: expected one a row")) return;
  if (!call.RequireIds(1, classes, "targets: outside the number of classes")) return;
  float* loss = call.output(0, {n});
  float* lse = call.output(1, {n});
  if (!call.ok()) return;
  SparseCrossEntropy(call.floats(0), call.ints(1), loss, lse, n, classes, call.parallel());
}

void RunSparseCrossEntropyGrad(const Call& call) {
  if (!call.RequireRank(0, 2, "logits: expected rank 2")) return;
  const int64_t n = call.dim(0, 0), classes = call.dim(0, 1);
  const bool fits = call.size(1) == n && call.size(2) == n && call.size(3) == n;
  if (!call.Require(fits, "targets, lse, dloss: expected one a row")) return;
  if (!call.RequireIds(1, classes, "targets: outside the number of classes")) return;
  float* dlogits = call.output(0, call.shape(0));
  if (!call.ok()) return;
  SparseCrossEntropyGrad(call.floats(0), call.ints(1), call.floats(2), call.floats(3), dlogits, n,
                         classes, call.parallel());
}

class ScatterRowsKernel : public OpKernel {
 public:
  explicit ScatterRowsKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("segments", &segments_));
  }
  void Compute(OpKernelContext* context) override {
    const Call call(context);
    if (!call.RequireRank(0, 2, "rows: expected rank 2")) return;
    const int64_t n = call.dim(0, 0), width = call.dim(0, 1);
    if (!call.Require(call.size(1) == n, "ids: expected one a row")) return;
    if (!call.RequireIds(1, segments_, "ids: outside the number of segments")) return;
    float* sums = call.output(0, {segments_, width});
    if (!call.ok()) return;
    ScatterRows(call.floats(0), call.ints(1), sums, n, segments_, width, call.parallel());
  }

 private:
  int64_t segments_;
};

REGISTER_OP("MaplRmsNorm")
    .Input("x: float")
    .Input("weight: float")
    .Output("y: float")
    .Attr("epsilon: float")
    .SetShapeFn(ShapesOf<0>);
REGISTER_KERNEL_BUILDER(Name("MaplRmsNorm").Device(DEVICE_CPU), WithEpsilon<RunRmsNorm>);

REGISTER_OP("MaplRmsNormGrad")
    .Input("x: float")
    .Input("weight: float")
    .Input("dy: float")
    .Output("dx: float")
    .Output("dweight: float")
    .Attr("epsilon: float")
    .SetShapeFn(ShapesOf<0, 1>);
REGISTER_KERNEL_BUILDER(Name("MaplRmsNormGrad").Device(DEVICE_CPU), WithEpsilon<RunRmsNormGrad>);

REGISTER_OP("MaplRotaryEmbedding")
    .Input("x: float")
    .Input("cos: float")
    .Input("sin: float")
    .Output("y: float")
    .SetShapeFn(ShapesOf<0>);
REGISTER_KERNEL_BUILDER(Name("MaplRotaryEmbedding").Device(DEVICE_CPU), Plain<RunRotaryEmbedding>);

REGISTER_OP("MaplSwiGlu")
    .Input("gate: float")
    .Input("up: float")
    .Output("y: float")
    .SetShapeFn(ShapesOf<0>);
REGISTER_KERNEL_BUILDER(Name("MaplSwiGlu").Device(DEVICE_CPU), Plain<RunSwiGlu>);

REGISTER_OP("MaplSwiGluGrad")
    .Input("gate: float")
    .Input("up: float")
    .Input("dy: float")
    .Output("dgate: float")
    .Output("dup: float")
    .SetShapeFn(ShapesOf<0, 1>);
REGISTER_KERNEL_BUILDER(Name("MaplSwiGluGrad").Device(DEVICE_CPU), Plain<RunSwiGluGrad>);

REGISTER_OP("MaplPackHalf")
    .Input("x: float")
    .Output("packed: int32")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_KERNEL_BUILDER(Name("MaplPackHalf").Device(DEVICE_CPU), Plain<RunPackHalf>);

REGISTER_OP("MaplUnpackHalf")
    .Input("packed: int32")
    .Input("shape: int32")
    .Output("x: float")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_KERNEL_BUILDER(Name("MaplUnpackHalf").Device(DEVICE_CPU), Plain<RunUnpackHalf>);

REGISTER_OP("MaplCausalAttention")
    .Input("q: float")
    .Input("k: float")
    .Input("v: float")
    .Output("out: float")
    .Output("lse: float")
    .Attr("scale: float")
    .SetShapeFn([](InferenceContext* context) -> absl::Status {
      context->set_output(0, context->input(0));
      tensorflow::shape_inference::ShapeHandle lse;
      TF_RETURN_IF_ERROR(context->Subshape(context->input(0), 0, 3, &lse));
      context->set_output(1, lse);
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("MaplCausalAttention").Device(DEVICE_CPU),
                        WithScale<RunCausalAttention>);

REGISTER_OP("MaplCausalAttentionGrad")
    .Input("q: float")
    .Input("k: float")
    .Input("v: float")
    .Input("out: float")
    .Input("lse: float")
    .Input("dout: float")
    .Output("dq: float")
    .Output("dk: float")
    .Output("dv: float")
    .Attr("scale: float")
    .SetShapeFn(ShapesOf<0, 1, 2>);
REGISTER_KERNEL_BUILDER(Name("MaplCausalAttentionGrad").Device(DEVICE_CPU),
                        WithScale<RunCausalAttentionGrad>);

REGISTER_OP("MaplSparseCrossEntropy")
    .Input("logits: float")
    .Input("targets: int32")
    .Output("loss: float")
    .Output("lse: float")
    .SetShapeFn(ShapesOf<1, 1>);
REGISTER_KERNEL_BUILDER(Name("MaplSparseCrossEntropy").Device(DEVICE_CPU),
                        Plain<RunSparseCrossEntropy>);

REGISTER_OP("MaplSparseCrossEntropyGrad")
    .Input("logits: float")
    .Input("targets: int32")
    .Input("lse: float")
    .Input("dloss: float")
    .Output("dlogits: float")
    .SetShapeFn(ShapesOf<0>);
REGISTER_KERNEL_BUILDER(Name("MaplSparseCrossEntropyGrad").Device(DEVICE_CPU),
                        Plain<RunSparseCrossEntropyGrad>);

REGISTER_OP("MaplScatterRows")
    .Input("rows: float")
    .Input("ids: int32")
    .Output("sums: float")
    .Attr("segments: int >= 1")
    .SetShapeFn([](InferenceContext* context) -> absl::Status {
      int64_t segments;
      TF_RETURN_IF_ERROR(context->GetAttr("segments", &segments));
      context->set_output(0, context->Matrix(segments, context->Dim(context->input(0), 1)));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("MaplScatterRows").Device(DEVICE_CPU), ScatterRowsKernel);

}  // namespace
}  // namespace mapl
