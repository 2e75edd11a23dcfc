// The TensorFlow ops of boundaries: projection, vector quantisation, and the polar factor.
#include "op_call.h"

namespace mapl {
namespace {

// Inputs x or z, ids, projector, anchors, basis. `width` of the first is the number of rows of the projector, or of its
// columns.
bool BoundarySizesOf(const Call& call, bool encodes, BoundarySizes* sizes) {
  for (const int input : {0, 2, 3, 4}) {
    if (!call.RequireRank(input, 2, "x or z, projector, anchors, basis: expected rank 2")) {
      return false;
    }
  }
  *sizes = {call.dim(0, 0), call.dim(2, 0), call.dim(2, 1), call.dim(3, 1)};
  const BoundarySizes& s = *sizes;
  const bool fits = call.dim(0, 1) == (encodes ? s.width : s.rank) && call.size(1) == s.rows &&
                    call.dim(4, 0) == s.anchor_rank && call.dim(4, 1) == s.width;
  return call.Require(fits, "x or z, ids, projector, anchors, basis: shapes do not belong together") &&
         call.RequireIds(1, call.dim(3, 0), "ids: outside the vocabulary");
}

void RunBoundaryEncode(const Call& call) {
  BoundarySizes s;
  if (!BoundarySizesOf(call, true, &s)) return;
  float* z = call.output(0, {s.rows, s.rank});
  if (!call.ok()) return;
  BoundaryEncode(call.floats(0), call.ints(1), call.floats(2), call.floats(3), call.floats(4), z, s,
                 call.parallel());
}

void RunBoundaryDecode(const Call& call) {
  BoundarySizes s;
  if (!BoundarySizesOf(call, false, &s)) return;
  float* x = call.output(0, {s.rows, s.width});
  if (!call.ok()) return;
  BoundaryDecode(call.floats(0), call.ints(1), call.floats(2), call.floats(3), call.floats(4), x, s,
                 call.parallel());
}

void RunPolarFactor(const Call& call) {
  if (!call.RequireRank(0, 3, "y: expected rank 3")) return;
  if (!call.Require(call.size(1) % 3 == 0, "coefficients: expected three a step")) return;
  float* out = call.output(0, call.shape(0));
  if (!call.ok()) return;
  PolarFactor(call.floats(0), call.floats(1), call.size(1) / 3, out, call.dim(0, 0), call.dim(0, 1),
              call.dim(0, 2), call.parallel());
}

// Codebooks at input 1.
bool RvqSizesOf(const Call& call, RvqSizes* sizes) {
  if (!call.RequireRank(1, 4, "codebooks: expected rank 4")) return false;
  *sizes = {0, call.dim(1, 0), call.dim(1, 1), call.dim(1, 2), call.dim(1, 3)};
  return call.Require(sizes->codes > 0, "codebooks: expected at least one code");
}

void RunRvqEncode(const Call& call) {
  RvqSizes s;
  if (!RvqSizesOf(call, &s) || !call.RequireRank(0, 2, "z: expected rank 2")) return;
  s.rows = call.dim(0, 0);
  const bool fits = call.dim(0, 1) == s.groups * s.width;
  if (!call.Require(fits, "z: expected the width of all groups of the codebooks")) return;
  int32_t* indices = call.output<int32_t>(0, {s.rounds, s.rows, s.groups});
  if (!call.ok()) return;
  RvqEncode(call.floats(0), call.floats(1), indices, s, call.parallel());
}

void RunRvqDecode(const Call& call) {
  RvqSizes s;
  if (!RvqSizesOf(call, &s) || !call.RequireRank(0, 3, "indices: expected rank 3")) return;
  s.rows = call.dim(0, 1);
  const bool fits = call.dim(0, 0) == s.rounds && call.dim(0, 2) == s.groups;
  if (!call.Require(fits, "indices: expected [rounds, rows, groups] of the codebooks")) return;
  if (!call.RequireIds(0, s.codes, "indices: outside the codebooks")) return;
  float* z = call.output(0, {s.rows, s.groups * s.width});
  if (!call.ok()) return;
  RvqDecode(call.ints(0), call.floats(1), z, s, call.parallel());
}

// Output [dimension of an input, dimension of an input].
template <int kInput0, int kAxis0, int kInput1, int kAxis1>
absl::Status MatrixOf(InferenceContext* context) {
  context->set_output(0, context->Matrix(context->Dim(context->input(kInput0), kAxis0),
                                         context->Dim(context->input(kInput1), kAxis1)));
  return absl::OkStatus();
}

REGISTER_OP("MaplBoundaryEncode")
    .Input("x: float")
    .Input("ids: int32")
    .Input("projector: float")
    .Input("anchors: float")
    .Input("basis: float")
    .Output("z: float")
    .SetShapeFn(MatrixOf<0, 0, 2, 1>);
REGISTER_KERNEL_BUILDER(Name("MaplBoundaryEncode").Device(DEVICE_CPU), Plain<RunBoundaryEncode>);

REGISTER_OP("MaplBoundaryDecode")
    .Input("z: float")
    .Input("ids: int32")
    .Input("projector: float")
    .Input("anchors: float")
    .Input("basis: float")
    .Output("x: float")
    .SetShapeFn(MatrixOf<0, 0, 2, 0>);
REGISTER_KERNEL_BUILDER(Name("MaplBoundaryDecode").Device(DEVICE_CPU), Plain<RunBoundaryDecode>);

REGISTER_OP("MaplPolarFactor")
    .Input("y: float")
    .Input("coefficients: float")
    .Output("factor: float")
    .SetShapeFn(ShapesOf<0>);
REGISTER_KERNEL_BUILDER(Name("MaplPolarFactor").Device(DEVICE_CPU), Plain<RunPolarFactor>);

REGISTER_OP("MaplRvqEncode")
    .Input("z: float")
    .Input("codebooks: float")
    .Output("indices: int32")
    .SetShapeFn([](InferenceContext* context) -> absl::Status {
      const auto codebooks = context->input(1);
      context->set_output(0, context->MakeShape({context->Dim(codebooks, 0),
                                                 context->Dim(context->input(0), 0),
                                                 context->Dim(codebooks, 1)}));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("MaplRvqEncode").Device(DEVICE_CPU), Plain<RunRvqEncode>);

REGISTER_OP("MaplRvqDecode")
    .Input("indices: int32")
    .Input("codebooks: float")
    .Output("z: float")
    .SetShapeFn([](InferenceContext* context) -> absl::Status {
      context->set_output(0, context->Matrix(context->Dim(context->input(0), 1),
                                             InferenceContext::kUnknownDim));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("MaplRvqDecode").Device(DEVICE_CPU), Plain<RunRvqDecode>);

}  // namespace
}  // namespace mapl
