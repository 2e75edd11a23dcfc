// X ← X(a + b XᵀX + c (XᵀX)²) for a list of coefficients (Polar Express, arXiv 2505.16932): three products a step, of which
// the two small ones are symmetric. Matrices are held tall, [rows,columns] with rows ≥ columns.
#include "product.cuh"

namespace mapl {
namespace cuda {
namespace {

constexpr int kPartials = 64;  // Blocks of a matrix, for its norm.

// partial[matrix,block]: the largest |y| of a share; NaN is left out, and comes in again through the sum of squares.
__global__ void __launch_bounds__(256) Largest(const float* y, float* partial, int64_t size) {
  __shared__ float memory[8];
  const float* from = y + blockIdx.y * size;
  float most = 0.0f;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += kPartials * 256) {
    most = fmaxf(most, fabsf(from[i]));
  }
  most = BlockMax<256>(most, memory);
  if (threadIdx.x == 0) partial[blockIdx.y * kPartials + blockIdx.x] = most;
}

__device__ inline float LargestOf(const float* partial) {
  float most = partial[0];
  for (int i = 1; i < kPartials; i++) most = fmaxf(most, partial[i]);
  return most;
}

// A power of two that brings extreme matrices within float32's range, 1 for others.
__device__ inline float GuardOf(float largest) {
  constexpr float kExtreme = 18446744073709551616.0f;  // 2^64
  return largest > kExtreme ? 1 / kExtreme : largest < 1 / kExtreme ? kExtreme : 1.0f;
}

// squares[matrix,block]: the sum of (y / largest)² of a share, which neither overflows nor underflows.
__global__ void __launch_bounds__(256)
    Squares(const float* y, const float* partial, float* squares, int64_t size) {
  __shared__ float memory[8];
  const float* from = y + blockIdx.y * size;
  const float most = LargestOf(partial + blockIdx.y * kPartials);
  float sum = 0.0f;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += kPartials * 256) {
    const float v = most == 0.0f ? from[i] : from[i] / most;
    sum += v * v;
  }
  sum = BlockSum<256>(sum, memory);
  if (threadIdx.x == 0) squares[blockIdx.y * kPartials + blockIdx.x] = sum;
}

// x = y / (1.01 ‖y‖) by two factors, transposed where `wide`: then y is [columns,rows] and x [rows,columns].
__global__ void __launch_bounds__(256)
    Prepare(const float* y, const float* partial, const float* squares, float* x, int64_t rows,
            int64_t columns, bool wide) {
  __shared__ float shared_guard, shared_scale;
  const int64_t size = rows * columns;
  if (threadIdx.x == 0) {
    const float most = LargestOf(partial + blockIdx.y * kPartials);
    float sum = 0.0f;
    for (int i = 0; i < kPartials; i++) sum += squares[blockIdx.y * kPartials + i];
    const float guard = GuardOf(most), norm = sqrtf(sum) * 1.01f * (most * guard);
    shared_guard = guard;
    shared_scale = 1.0f / (most == 0.0f ? (sum == 0.0f ? 1.0f : sum) : norm);
  }
  __syncthreads();
  const float guard = shared_guard, scale = shared_scale;
  const float* from = y + blockIdx.y * size;
  float* to = x + blockIdx.y * size;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += gridDim.x * int64_t{256}) {
    const int64_t r = i / columns, c = i % columns;
    to[i] = scale * (guard * from[wide ? c * rows + r : i]);
  }
}

// out [columns,rows] = xᵀ, or a copy.
__global__ void __launch_bounds__(256)
    Finish(const float* x, float* out, int64_t rows, int64_t columns, bool wide) {
  const int64_t size = rows * columns;
  const float* from = x + blockIdx.y * size;
  float* to = out + blockIdx.y * size;
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < size; i += gridDim.x * int64_t{256}) {
    to[i] = wide ? from[i % rows * columns + i / rows] : from[i];
  }
}

int64_t Padded(int64_t floats) { return (floats + 3) / 4 * 4; }

// Floats of the parts of the workspace.
struct Layout {
  int64_t rows, columns, matrix, square, partials, shares;
  Layout(int64_t batch, int64_t m, int64_t n)
      : rows(m > n ? m : n),
        columns(m > n ? n : m),
        matrix(Padded(batch * m * n)),
        square(Padded(batch * columns * columns)),
        partials(Padded(batch * kPartials)) {
    const int64_t gram = SharesOf(columns, columns, rows, batch, true);
    const int64_t product = SharesOf(columns, columns, columns, batch, true);
    const int64_t last = SharesOf(rows, columns, columns, batch, false);
    shares = gram > product ? gram : product;
    shares = (shares > last ? shares : last) / static_cast<int64_t>(sizeof(float));
  }
  int64_t all() const { return 2 * matrix + 2 * square + 2 * partials + shares; }
};

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" int64_t mapl_polar_factor_workspace(int64_t batch, int64_t rows, int64_t columns) {
  return Layout(batch, rows, columns).all() * sizeof(float);
}

extern "C" cudaError_t mapl_polar_factor(const float* y, const float* coefficients, int64_t steps,
                                         float* out, void* workspace, int64_t batch, int64_t rows,
                                         int64_t columns, cudaStream_t stream) {
  if (batch * rows * columns == 0) return cudaSuccess;
  if (batch > 1024) return cudaErrorInvalidValue;
  const Layout s(batch, rows, columns);
  const bool wide = rows < columns;
  float* x = static_cast<float*>(workspace);
  float* next = x + s.matrix;
  float* const gram = next + s.matrix;
  float* const square = gram + s.square;
  float* const partial = square + s.square;
  float* const squares = partial + s.partials;
  float* const shares = squares + s.partials;
  const int64_t size = s.rows * s.columns;
  const dim3 norm_grid(kPartials, static_cast<unsigned>(batch));
  const dim3 copy_grid(StrideGrid(size), static_cast<unsigned>(batch));
  cudaError_t error = Launch(Largest, norm_grid, 256, 0, stream, y, partial, size);
  if (error != cudaSuccess) return error;
  error = Launch(Squares, norm_grid, 256, 0, stream, y, partial, squares, size);
  if (error != cudaSuccess) return error;
  error = Launch(Prepare, copy_grid, 256, 0, stream, y, partial, squares, x, s.rows, s.columns, wide);
  if (error != cudaSuccess) return error;

  const int64_t n = s.columns, nn = n * n;
  for (int64_t step = 0; step < steps; step++) {
    const float a = coefficients[3 * step], b = coefficients[3 * step + 1];
    const float c = coefficients[3 * step + 2];
    Product p = {};
    p.batch = batch;
    p.rows = p.columns = n;
    p.symmetric = true;
    p.terms[0] = {LeftOf(x, 1, n, size), RightOf(x, n, 1, size), s.rows};
    p.out = gram;
    p.alpha = 1.0f;
    error = Run(p, shares, stream);
    if (error != cudaSuccess) return error;
    p.terms[0] = {LeftOf(gram, n, 1, nn), RightOf(gram, n, 1, nn), n};
    p.out = square;
    p.add = gram;
    p.alpha = c;
    p.beta = b;
    error = Run(p, shares, stream);
    if (error != cudaSuccess) return error;
    p.rows = s.rows;
    p.symmetric = false;
    p.terms[0] = {LeftOf(x, n, 1, size), RightOf(square, n, 1, nn), n};
    p.out = next;
    p.add = x;
    p.alpha = 1.0f;
    p.beta = a;
    error = Run(p, shares, stream);
    if (error != cudaSuccess) return error;
    float* const other = x;
    x = next;
    next = other;
  }
  return Launch(Finish, copy_grid, 256, 0, stream, x, out, s.rows, s.columns, wide);
}
