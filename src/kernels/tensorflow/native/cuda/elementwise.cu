// Kernels that make one pass over their inputs: SwiGLU, rotary embedding, AdamW, Muon.
#include "elements.cuh"

namespace mapl {
namespace cuda {
namespace {

__device__ inline float Sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

struct SwiGlu {
  const float *gate, *up;
  float* y;
  __device__ static float Value(float g, float u) { return g * Sigmoid(g) * u; }
  __device__ void One(int64_t i) const { y[i] = Value(gate[i], up[i]); }
  __device__ void Four(int64_t i) const {
    const float4 g = Load4(gate + i), u = Load4(up + i);
    Store4(y + i, make_float4(Value(g.x, u.x), Value(g.y, u.y), Value(g.z, u.z), Value(g.w, u.w)));
  }
};

// With σ = sigmoid(gate): dgate = dy up σ (1 + gate (1 − σ)), dup = dy gate σ.
struct SwiGluGrad {
  const float *gate, *up, *dy;
  float *dgate, *dup;
  __device__ static void Value(float g, float u, float grad, float& to_gate, float& to_up) {
    const float sigma = Sigmoid(g);
    to_gate = grad * u * (sigma * (1.0f + g * (1.0f - sigma)));
    to_up = grad * (g * sigma);
  }
  __device__ void One(int64_t i) const { Value(gate[i], up[i], dy[i], dgate[i], dup[i]); }
  __device__ void Four(int64_t i) const {
    const float4 g = Load4(gate + i), u = Load4(up + i), grad = Load4(dy + i);
    float4 a, b;
    Value(g.x, u.x, grad.x, a.x, b.x);
    Value(g.y, u.y, grad.y, a.y, b.y);
    Value(g.z, u.z, grad.z, a.z, b.z);
    Value(g.w, u.w, grad.w, a.w, b.w);
    Store4(dgate + i, a);
    Store4(dup + i, b);
  }
};

struct AdamW {
  const float *value, *gradient, *first, *second;
  float *new_value, *new_first, *new_second;
  float first_share, keep_second, second_share, epsilon, step_size, keep_value;
  __device__ void Value(float& w, float g, float& m, float& v) const {
    m = m + first_share * (g - m);
    v = keep_second * v + second_share * (g * g);
    w = keep_value * w - step_size * (m / (sqrtf(v) + epsilon));
  }
  __device__ void One(int64_t i) const {
    float w = value[i], m = first[i], v = second[i];
    Value(w, gradient[i], m, v);
    new_value[i] = w;
    new_first[i] = m;
    new_second[i] = v;
  }
  __device__ void Four(int64_t i) const {
    float4 w = Load4(value + i), m = Load4(first + i), v = Load4(second + i);
    const float4 g = Load4(gradient + i);
    Value(w.x, g.x, m.x, v.x);
    Value(w.y, g.y, m.y, v.y);
    Value(w.z, g.z, m.z, v.z);
    Value(w.w, g.w, m.w, v.w);
    Store4(new_value + i, w);
    Store4(new_first + i, m);
    Store4(new_second + i, v);
  }
};

struct Muon {
  const float *momentum, *gradient;
  float *new_momentum, *direction;
  float keep, take;
  int nesterov;
  __device__ void Value(float& m, float g, float& d) const {
    const float share = take * g;
    m = keep * m + share;
    d = nesterov ? keep * m + share : m;
  }
  __device__ void One(int64_t i) const {
    float m = momentum[i], d;
    Value(m, gradient[i], d);
    new_momentum[i] = m;
    direction[i] = d;
  }
  __device__ void Four(int64_t i) const {
    float4 m = Load4(momentum + i), d;
    const float4 g = Load4(gradient + i);
    Value(m.x, g.x, d.x);
    Value(m.y, g.y, d.y);
    Value(m.z, g.z, d.z);
    Value(m.w, g.w, d.w);
    Store4(new_momentum + i, m);
    Store4(direction + i, d);
  }
};

// A thread has kWidth neighbours of the first half of a row and of the second.
template <int kWidth>
__global__ void Rotate(const float* x, const float* cosine, const float* sine, float* y,
                       int64_t items, int64_t time, int64_t half) {
  const int64_t units = half / kWidth;
  const int64_t stride = gridDim.x * int64_t{256};
  for (int64_t i = blockIdx.x * int64_t{256} + threadIdx.x; i < items; i += stride) {
    const int64_t row = i / units, column = i % units * kWidth;
    const float* from = x + row * 2 * half + column;
    float* to = y + row * 2 * half + column;
    const int64_t table = row % time * half + column;
    if (kWidth == 4) {
      const float4 a = Load4(from), b = Load4(from + half);
      const float4 c = Load4(cosine + table), s = Load4(sine + table);
      Store4(to, make_float4(a.x * c.x - b.x * s.x, a.y * c.y - b.y * s.y, a.z * c.z - b.z * s.z,
                             a.w * c.w - b.w * s.w));
      Store4(to + half, make_float4(b.x * c.x + a.x * s.x, b.y * c.y + a.y * s.y,
                                    b.z * c.z + a.z * s.z, b.w * c.w + a.w * s.w));
    } else {
      const float a = from[0], b = from[half], c = cosine[table], s = sine[table];
      to[0] = a * c - b * s;
      to[half] = b * c + a * s;
    }
  }
}

}  // namespace
}  // namespace cuda
}  // namespace mapl

using namespace mapl::cuda;

extern "C" cudaError_t mapl_swiglu(const float* gate, const float* up, float* y, int64_t size,
                                   cudaStream_t stream) {
  return Run(SwiGlu{gate, up, y}, size, Aligned(gate, up, y), stream);
}

extern "C" cudaError_t mapl_swiglu_grad(const float* gate, const float* up, const float* dy,
                                        float* dgate, float* dup, int64_t size,
                                        cudaStream_t stream) {
  return Run(SwiGluGrad{gate, up, dy, dgate, dup}, size, Aligned(gate, up, dy, dgate, dup), stream);
}

extern "C" cudaError_t mapl_adamw(const float* value, const float* gradient, const float* first,
                                  const float* second, float* new_value, float* new_first,
                                  float* new_second, int64_t size, float new_first_share,
                                  float keep_second, float new_second_share, float epsilon,
                                  float step_size, float keep_value, cudaStream_t stream) {
  const AdamW body = {value,           gradient,    first,            second,
                      new_value,       new_first,   new_second,       new_first_share,
                      keep_second,     new_second_share, epsilon,     step_size,
                      keep_value};
  return Run(body, size,
             Aligned(value, gradient, first, second, new_value, new_first, new_second), stream);
}

extern "C" cudaError_t mapl_muon(const float* momentum, const float* gradient, float* new_momentum,
                                 float* direction, int64_t size, float keep, float take,
                                 int nesterov, cudaStream_t stream) {
  return Run(Muon{momentum, gradient, new_momentum, direction, keep, take, nesterov}, size,
             Aligned(momentum, gradient, new_momentum, direction), stream);
}

extern "C" cudaError_t mapl_rotary_embedding(const float* x, const float* cosine, const float* sine,
                                             float* y, int64_t rows, int64_t time, int64_t width,
                                             cudaStream_t stream) {
  if (width % 2 != 0) return cudaErrorInvalidValue;
  const int64_t half = width / 2, all = rows * time;
  if (all * half == 0) return cudaSuccess;
  if (half % 4 == 0 && Aligned(x, cosine, sine, y)) {
    const int64_t items = all * half / 4;
    return Launch(Rotate<4>, StrideGrid(items), 256, 0, stream, x, cosine, sine, y, items, time,
                  half);
  }
  const int64_t items = all * half;
  return Launch(Rotate<1>, StrideGrid(items), 256, 0, stream, x, cosine, sine, y, items, time,
                half);
}
