// The two halves of a boundary: products whose second term gathers rows of the anchor table.
#include "product.cuh"

using namespace mapl::cuda;

namespace {

int64_t Padded(int64_t floats) { return (floats + 3) / 4 * 4; }

}  // namespace

extern "C" int64_t mapl_boundary_encode_workspace(int64_t rows, int64_t width, int64_t rank,
                                                  int64_t anchor_rank) {
  const int64_t product = SharesOf(anchor_rank, rank, width, 1, false);
  const int64_t result = SharesOf(rows, rank, width + anchor_rank, 1, false);
  return Padded(anchor_rank * rank) * static_cast<int64_t>(sizeof(float)) +
         (product > result ? product : result);
}

// First −(P A), which is [anchor_rank,rank]: no width-wide anchor is built.
extern "C" cudaError_t mapl_boundary_encode(const float* x, const int32_t* ids,
                                            const float* projector, const float* anchors,
                                            const float* basis, float* z, void* workspace,
                                            int64_t rows, int64_t width, int64_t rank,
                                            int64_t anchor_rank, int64_t vocabulary,
                                            cudaStream_t stream) {
  float* const product = static_cast<float*>(workspace);
  float* const shares = product + Padded(anchor_rank * rank);
  Product p = {};
  p.terms[0] = {LeftOf(basis, width, 1), RightOf(projector, rank, 1), width};
  p.rows = anchor_rank;
  p.columns = rank;
  p.batch = 1;
  p.out = product;
  p.alpha = -1.0f;
  const cudaError_t error = Run(p, shares, stream);
  if (error != cudaSuccess) return error;
  p.terms[0].a = LeftOf(x, width, 1);
  p.terms[1] = {LeftOf(anchors, anchor_rank, 1, 0, ids, vocabulary), RightOf(product, rank, 1),
                anchor_rank};
  p.rows = rows;
  p.out = z;
  p.alpha = 1.0f;
  return Run(p, shares, stream);
}

extern "C" int64_t mapl_boundary_decode_workspace(int64_t rows, int64_t width, int64_t rank,
                                                  int64_t anchor_rank) {
  return SharesOf(rows, width, rank + anchor_rank, 1, false);
}

extern "C" cudaError_t mapl_boundary_decode(const float* z, const int32_t* ids,
                                            const float* projector, const float* anchors,
                                            const float* basis, float* x, void* workspace,
                                            int64_t rows, int64_t width, int64_t rank,
                                            int64_t anchor_rank, int64_t vocabulary,
                                            cudaStream_t stream) {
  Product p = {};
  p.terms[0] = {LeftOf(z, rank, 1), RightOf(projector, 1, rank), rank};
  p.terms[1] = {LeftOf(anchors, anchor_rank, 1, 0, ids, vocabulary), RightOf(basis, width, 1),
                anchor_rank};
  p.rows = rows;
  p.columns = width;
  p.batch = 1;
  p.out = x;
  p.alpha = 1.0f;
  return Run(p, static_cast<float*>(workspace), stream);
}
