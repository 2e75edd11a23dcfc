// The GPU kernels of the ops that ops_….cc declare: they check shapes, take memory from TensorFlow and launch on its stream.
// Built only where setup finds nvcc. Ids are on the device and are not checked here: see launchers.h for what they give.
#include <cuda_runtime.h>

#include <string>
#include <vector>

#include "../op_call.h"
#include "launchers.h"
#include "xla/stream_executor/stream.h"

// Tells module.cc that this file is part of the library.
extern "C" const int mapl_has_cuda = 1;

namespace mapl {
namespace {

using tensorflow::DEVICE_GPU;
using tensorflow::DT_INT8;
using tensorflow::errors::Internal;

class GpuCall : public Call {
 public:
  explicit GpuCall(OpKernelContext* context) : Call(context), gpu_(context) {}

  cudaStream_t stream() const {
    auto* stream = gpu_->op_device_context()->stream();
    return static_cast<cudaStream_t>(stream->platform_specific_handle().stream);
  }
  // Device memory that is free again when the kernels queued so far have run; null after a failure.
  void* Workspace(int64_t bytes, Tensor* memory) const {
    gpu_->SetStatus(gpu_->allocate_temp(DT_INT8, TensorShape({bytes < 16 ? 16 : bytes}), memory));
    return ok() ? memory->flat<int8_t>().data() : nullptr;
  }
  void Finish(cudaError_t error, const char* limits = "") const {
    if (error == cudaSuccess) return;
    const std::string why = cudaGetErrorString(error);
    gpu_->SetStatus(error == cudaErrorInvalidValue && *limits != 0
                        ? absl::Status(InvalidArgument(limits))
                        : absl::Status(Internal("CUDA kernel: ", why)));
  }

 private:
  OpKernelContext* const gpu_;
};

template <void (*kRun)(const GpuCall&)>
class Gpu : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override { kRun(GpuCall(context)); }
};

// A kernel with one attribute.
template <typename T, void (*kRun)(const GpuCall&, T)>
class GpuWith : public OpKernel {
 public:
  GpuWith(OpKernelConstruction* context, const char* name) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr(name, &value_));
  }
  void Compute(OpKernelContext* context) override { kRun(GpuCall(context), value_); }

 private:
  T value_;
};

#define MAPL_WITH(name, type, attribute)                                                  \
  template <void (*kRun)(const GpuCall&, type)>                                           \
  class name : public GpuWith<type, kRun> {                                               \
   public:                                                                                \
    explicit name(OpKernelConstruction* c) : GpuWith<type, kRun>(c, attribute) {}         \
  }
MAPL_WITH(GpuEpsilon, float, "epsilon");
MAPL_WITH(GpuScale, float, "scale");
MAPL_WITH(GpuSegments, int64_t, "segments");
MAPL_WITH(GpuNesterov, bool, "nesterov");
#undef MAPL_WITH

constexpr char kNormLimit[] = "x: at most 32768 columns on a GPU";
constexpr char kWidthLimit[] =
    "q, k, v: heads of at most 256 on a GPU; with gradients 128 on one with less than 138 KiB of shared memory a block";

void RmsNorm(const GpuCall& c, float epsilon) {
  if (!c.RequireRank(0, 2, "x: expected rank 2")) return;
  if (!c.Require(c.size(1) == c.dim(0, 1), "weight: expected one number a column")) return;
  float* y = c.output(0, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_rms_norm(c.floats(0), c.floats(1), y, c.dim(0, 0), c.dim(0, 1), epsilon, c.stream()),
           kNormLimit);
}

void RmsNormGrad(const GpuCall& c, float epsilon) {
  if (!c.RequireRank(0, 2, "x: expected rank 2")) return;
  if (!c.Require(c.size(1) == c.dim(0, 1), "weight: expected one number a column")) return;
  if (!c.Require(c.shape(2) == c.shape(0), "dy: expected the shape of x")) return;
  const int64_t n = c.dim(0, 0), d = c.dim(0, 1);
  float* dx = c.output(0, c.shape(0));
  float* dweight = c.output(1, c.shape(1));
  Tensor memory;
  void* workspace = c.ok() ? c.Workspace(mapl_rms_norm_grad_workspace(n, d), &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(mapl_rms_norm_grad(c.floats(0), c.floats(1), c.floats(2), dx, dweight, workspace, n, d,
                              epsilon, c.stream()),
           kNormLimit);
}

void RotaryEmbedding(const GpuCall& c) {
  if (!c.RequireRank(0, 4, "x: expected rank 4")) return;
  const int64_t time = c.dim(0, 2), width = c.dim(0, 3);
  const TensorShape table({time, width / 2});
  const bool fits = width % 2 == 0 && c.shape(1) == table && c.shape(2) == table;
  if (!c.Require(fits, "cos, sin: expected [time, width / 2] of x")) return;
  float* y = c.output(0, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_rotary_embedding(c.floats(0), c.floats(1), c.floats(2), y,
                                 c.dim(0, 0) * c.dim(0, 1), time, width, c.stream()));
}

void SwiGlu(const GpuCall& c) {
  if (!c.Require(c.shape(1) == c.shape(0), "up: expected the shape of gate")) return;
  float* y = c.output(0, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_swiglu(c.floats(0), c.floats(1), y, c.size(0), c.stream()));
}

void SwiGluGrad(const GpuCall& c) {
  const bool fits = c.shape(1) == c.shape(0) && c.shape(2) == c.shape(0);
  if (!c.Require(fits, "up, dy: expected the shape of gate")) return;
  float* dgate = c.output(0, c.shape(0));
  float* dup = c.output(1, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_swiglu_grad(c.floats(0), c.floats(1), c.floats(2), dgate, dup, c.size(0),
                            c.stream()));
}

void PackHalf(const GpuCall& c) {
  int32_t* packed = c.output<int32_t>(0, {(c.size(0) + 1) / 2});
  if (!c.ok()) return;
  c.Finish(mapl_pack_half(c.floats(0), packed, c.size(0), c.stream()));
}

// The shape is in host memory.
void UnpackHalf(const GpuCall& c) {
  TensorShape shape;
  if (!c.ShapeIn(1, &shape)) return;
  const int64_t size = shape.num_elements();
  if (!c.Require((size + 1) / 2 == c.size(0), "packed: expected a word for two values")) return;
  float* x = c.output(0, shape);
  if (!c.ok()) return;
  c.Finish(mapl_unpack_half(c.ints(0), x, size, c.stream()));
}

bool AttentionFits(const GpuCall& c) {
  for (int i = 0; i < 3; i++) {
    if (!c.RequireRank(i, 4, "q, k, v: expected rank 4")) return false;
  }
  const bool fits = c.shape(1) == c.shape(2) && c.dim(1, 0) == c.dim(0, 0) &&
                    c.dim(1, 3) == c.dim(0, 3) && c.dim(1, 1) > 0 &&
                    c.dim(0, 1) % c.dim(1, 1) == 0 && c.dim(0, 2) <= c.dim(1, 2);
  return c.Require(fits, "q, k, v: shapes do not belong together");
}

void CausalAttention(const GpuCall& c, float scale) {
  if (!AttentionFits(c)) return;
  float* out = c.output(0, c.shape(0));
  float* lse = c.output(1, {c.dim(0, 0), c.dim(0, 1), c.dim(0, 2)});
  if (!c.ok()) return;
  c.Finish(mapl_causal_attention(c.floats(0), c.floats(1), c.floats(2), out, lse, c.dim(0, 0),
                                 c.dim(0, 1), c.dim(1, 1), c.dim(0, 2), c.dim(1, 2), c.dim(0, 3),
                                 scale, c.stream()),
           kWidthLimit);
}

void CausalAttentionGrad(const GpuCall& c, float scale) {
  if (!AttentionFits(c)) return;
  const TensorShape rows({c.dim(0, 0), c.dim(0, 1), c.dim(0, 2)});
  const bool fits = c.shape(3) == c.shape(0) && c.shape(4) == rows && c.shape(5) == c.shape(0);
  if (!c.Require(fits, "out, lse, dout: shapes do not belong to q")) return;
  float* dq = c.output(0, c.shape(0));
  float* dk = c.output(1, c.shape(1));
  float* dv = c.output(2, c.shape(2));
  Tensor memory;
  const int64_t bytes =
      mapl_causal_attention_grad_workspace(c.dim(0, 0), c.dim(0, 1), c.dim(0, 2));
  void* workspace = c.ok() ? c.Workspace(bytes, &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(mapl_causal_attention_grad(c.floats(0), c.floats(1), c.floats(2), c.floats(3),
                                      c.floats(4), c.floats(5), dq, dk, dv, workspace, c.dim(0, 0),
                                      c.dim(0, 1), c.dim(1, 1), c.dim(0, 2), c.dim(1, 2),
                                      c.dim(0, 3), scale, c.stream()),
           kWidthLimit);
}

void SparseCrossEntropy(const GpuCall& c) {
  if (!c.RequireRank(0, 2, "logits: expected rank 2")) return;
  if (!c.Require(c.size(1) == c.dim(0, 0), "targets: expected one a row")) return;
  float* loss = c.output(0, {c.dim(0, 0)});
  float* lse = c.output(1, {c.dim(0, 0)});
  if (!c.ok()) return;
  c.Finish(mapl_sparse_cross_entropy(c.floats(0), c.ints(1), loss, lse, c.dim(0, 0), c.dim(0, 1),
                                     c.stream()));
}

void SparseCrossEntropyGrad(const GpuCall& c) {
  if (!c.RequireRank(0, 2, "logits: expected rank 2")) return;
  const int64_t n = c.dim(0, 0);
  const bool fits = c.size(1) == n && c.size(2) == n && c.size(3) == n;
  if (!c.Require(fits, "targets, lse, dloss: expected one a row")) return;
  float* dlogits = c.output(0, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_sparse_cross_entropy_grad(c.floats(0), c.ints(1), c.floats(2), c.floats(3), dlogits,
                                          n, c.dim(0, 1), c.stream()));
}

void ScatterRows(const GpuCall& c, int64_t segments) {
  if (!c.RequireRank(0, 2, "rows: expected rank 2")) return;
  const int64_t n = c.dim(0, 0), width = c.dim(0, 1);
  if (!c.Require(c.size(1) == n, "ids: expected one a row")) return;
  float* sums = c.output(0, {segments, width});
  Tensor memory;
  void* workspace = c.ok() ? c.Workspace(mapl_scatter_rows_workspace(n, segments), &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(mapl_scatter_rows(c.floats(0), c.ints(1), sums, workspace, n, segments, width,
                             c.stream()));
}

// The scalars are in host memory.
void AdamW(const GpuCall& c) {
  const bool fits = c.shape(1) == c.shape(0) && c.shape(2) == c.shape(0) &&
                    c.shape(3) == c.shape(0) && c.size(4) == 6;
  if (!c.Require(fits, "gradient, first, second: expected the shape of value")) return;
  const float* s = c.floats(4);
  float* value = c.output(0, c.shape(0));
  float* first = c.output(1, c.shape(0));
  float* second = c.output(2, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_adamw(c.floats(0), c.floats(1), c.floats(2), c.floats(3), value, first, second,
                      c.size(0), s[0], s[1], s[2], s[3], s[4], s[5], c.stream()));
}

void Muon(const GpuCall& c, bool nesterov) {
  const bool fits = c.shape(1) == c.shape(0) && c.size(2) == 2;
  if (!c.Require(fits, "gradient: expected the shape of momentum")) return;
  const float* factors = c.floats(2);
  float* momentum = c.output(0, c.shape(0));
  float* direction = c.output(1, c.shape(0));
  if (!c.ok()) return;
  c.Finish(mapl_muon(c.floats(0), c.floats(1), momentum, direction, c.size(0), factors[0],
                     factors[1], nesterov, c.stream()));
}

void GlobalNorm(const GpuCall& c) {
  std::vector<const float*> tensors;
  std::vector<int64_t> sizes;
  for (int i = 0; i < c.inputs(); i++) {
    tensors.push_back(c.floats(i));
    sizes.push_back(c.size(i));
  }
  float* squares = c.output(0, {c.inputs()});
  Tensor memory;
  void* workspace = c.ok() ? c.Workspace(mapl_global_norm_workspace(c.inputs()), &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(mapl_global_norm(tensors.data(), sizes.data(), c.inputs(), squares, workspace,
                            c.stream()));
}

// As in ops_boundary.cc: inputs x or z, ids, projector, anchors, basis.
template <bool kEncodes>
void Boundary(const GpuCall& c) {
  for (const int input : {0, 2, 3, 4}) {
    if (!c.RequireRank(input, 2, "x or z, projector, anchors, basis: expected rank 2")) return;
  }
  const int64_t rows = c.dim(0, 0), width = c.dim(2, 0), rank = c.dim(2, 1), a = c.dim(3, 1);
  const bool fits = c.dim(0, 1) == (kEncodes ? width : rank) && c.size(1) == rows &&
                    c.dim(4, 0) == a && c.dim(4, 1) == width;
  if (!c.Require(fits, "x or z, ids, projector, anchors, basis: shapes do not belong together")) {
    return;
  }
  float* out = c.output(0, {rows, kEncodes ? rank : width});
  const auto bytes = kEncodes ? mapl_boundary_encode_workspace : mapl_boundary_decode_workspace;
  const auto run = kEncodes ? mapl_boundary_encode : mapl_boundary_decode;
  Tensor memory;
  void* workspace = c.ok() ? c.Workspace(bytes(rows, width, rank, a), &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(run(c.floats(0), c.ints(1), c.floats(2), c.floats(3), c.floats(4), out, workspace, rows,
               width, rank, a, c.dim(3, 0), c.stream()));
}

// The coefficients are in host memory.
void PolarFactor(const GpuCall& c) {
  if (!c.RequireRank(0, 3, "y: expected rank 3")) return;
  if (!c.Require(c.size(1) % 3 == 0, "coefficients: expected three a step")) return;
  const int64_t b = c.dim(0, 0), m = c.dim(0, 1), n = c.dim(0, 2);
  float* out = c.output(0, c.shape(0));
  Tensor memory;
  void* workspace = c.ok() ? c.Workspace(mapl_polar_factor_workspace(b, m, n), &memory) : nullptr;
  if (!c.ok()) return;
  c.Finish(mapl_polar_factor(c.floats(0), c.floats(1), c.size(1) / 3, out, workspace, b, m, n,
                             c.stream()),
           "y: at most 1024 matrices on a GPU");
}

void RvqEncode(const GpuCall& c) {
  if (!c.RequireRank(1, 4, "codebooks: expected rank 4")) return;
  if (!c.RequireRank(0, 2, "z: expected rank 2")) return;
  const int64_t groups = c.dim(1, 1), width = c.dim(1, 3), rows = c.dim(0, 0);
  if (!c.Require(c.dim(1, 2) > 0, "codebooks: expected at least one code")) return;
  const bool fits = c.dim(0, 1) == groups * width;
  if (!c.Require(fits, "z: expected the width of all groups of the codebooks")) return;
  int32_t* indices = c.output<int32_t>(0, {c.dim(1, 0), rows, groups});
  if (!c.ok()) return;
  c.Finish(mapl_rvq_encode(c.floats(0), c.floats(1), indices, rows, c.dim(1, 0), groups,
                           c.dim(1, 2), width, c.stream()),
           "codebooks: at most 512 numbers a code (352 on a GPU with 99 KiB of shared memory a block) and 65535 groups on a "
           "GPU");
}

void RvqDecode(const GpuCall& c) {
  if (!c.RequireRank(1, 4, "codebooks: expected rank 4")) return;
  if (!c.RequireRank(0, 3, "indices: expected rank 3")) return;
  const bool fits = c.dim(0, 0) == c.dim(1, 0) && c.dim(0, 2) == c.dim(1, 1);
  if (!c.Require(fits, "indices: expected [rounds, rows, groups] of the codebooks")) return;
  float* z = c.output(0, {c.dim(0, 1), c.dim(1, 1) * c.dim(1, 3)});
  if (!c.ok()) return;
  c.Finish(mapl_rvq_decode(c.ints(0), c.floats(1), z, c.dim(0, 1), c.dim(1, 0), c.dim(1, 1),
                           c.dim(1, 2), c.dim(1, 3), c.stream()));
}

#define MAPL_GPU(op) Name(op).Device(DEVICE_GPU)
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplRmsNorm"), GpuEpsilon<RmsNorm>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplRmsNormGrad"), GpuEpsilon<RmsNormGrad>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplRotaryEmbedding"), Gpu<RotaryEmbedding>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplSwiGlu"), Gpu<SwiGlu>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplSwiGluGrad"), Gpu<SwiGluGrad>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplPackHalf"), Gpu<PackHalf>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplUnpackHalf").HostMemory("shape"), Gpu<UnpackHalf>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplCausalAttention"), GpuScale<CausalAttention>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplCausalAttentionGrad"), GpuScale<CausalAttentionGrad>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplSparseCrossEntropy"), Gpu<SparseCrossEntropy>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplSparseCrossEntropyGrad"), Gpu<SparseCrossEntropyGrad>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplScatterRows"), GpuSegments<ScatterRows>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplAdamW").HostMemory("scalars"), Gpu<AdamW>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplMuon").HostMemory("factors"), GpuNesterov<Muon>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplGlobalNorm"), Gpu<GlobalNorm>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplBoundaryEncode"), Gpu<Boundary<true>>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplBoundaryDecode"), Gpu<Boundary<false>>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplPolarFactor").HostMemory("coefficients"), Gpu<PolarFactor>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplRvqEncode"), Gpu<RvqEncode>);
REGISTER_KERNEL_BUILDER(MAPL_GPU("MaplRvqDecode"), Gpu<RvqDecode>);

}  // namespace
}  // namespace mapl
