"""Inputs, calls and float64 references of every kernel: a table of shapes each, `small` for the emulator."""
import ctypes
import math

import torch

POLAR_EXPRESS = [
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    (1.875, -1.25, 0.375),
]


def polar_coefficients(steps=8, repeats=3, finishing=1):
    """As src/kernels/composed/polar_express.ts."""
    rows = []
    for i in range(steps):
        a, b, c = POLAR_EXPRESS[min(i, 7)]
        row = (a, b, c) if i >= 7 else (a / 1.01, b / 1.01**3, c / 1.01**5)
        rows += [row] * (1 + repeats if i == 2 else 1)
    return rows + [(1.875, -1.25, 0.375)] * finishing


class Case:
    """`run(kernels, outputs)` calls the kernel; `expected` are the float64 results; `tolerance` is relative to the largest."""

    def __init__(self, kernel, name, shapes, run, expected, tolerance=1e-5, dtype=torch.float32):
        self.kernel, self.name, self.shapes, self.run = kernel, name, shapes, run
        self.expected, self.tolerance, self.dtype = expected, tolerance, dtype


class Inputs:
    """Fresh random inputs on one device."""

    def __init__(self, device, seed):
        self.device = device
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        return (torch.randn(shape, generator=self.generator) * scale).to(self.device)

    def below(self, limit, *shape):
        return torch.randint(0, limit, shape, generator=self.generator, dtype=torch.int32).to(self.device)


def wide(t):
    """A float64 copy that gradients are taken of."""
    return t.double().requires_grad_(True)


def grads(output, inputs, upstream):
    return torch.autograd.grad(output, inputs, upstream.double())


def rms_norm(make, small):
    shapes = [(1, 1), (3, 7), (9, 130), (33, 256), (5, 1025), (2, 4100)]
    shapes += [] if small else [(8192, 256), (4097, 1024), (1000, 4096), (65536, 64), (300, 8192), (7, 30001)]
    for n, d in shapes:
        x, w, dy = make.normal(n, d), make.normal(d), make.normal(n, d)
        x64, w64 = wide(x), wide(w)
        y = x64 * torch.rsqrt(x64.square().mean(-1, keepdim=True) + 1e-5) * w64
        yield Case("rms_norm", (n, d), [(n, d)],
                   lambda k, o, x=x, w=w, n=n, d=d: k.rms_norm(x, w, o[0], n, d, 1e-5), [y.detach()])
        yield Case("rms_norm_grad", (n, d), [(n, d), (d,)],
                   lambda k, o, x=x, w=w, dy=dy, n=n, d=d: k.rms_norm_grad(x, w, dy, o[0], o[1], n, d, 1e-5),
                   list(grads(y, (x64, w64), dy)))


def rotary(x, c, s):
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def rotary_embedding(make, small):
    for rows, time, width in [(1, 1, 2), (6, 5, 14), (6, 9, 64)] + ([] if small else [(512, 1024, 128), (16, 2048, 64)]):
        x, c, s = make.normal(rows, time, width), make.normal(time, width // 2), make.normal(time, width // 2)
        yield Case("rotary_embedding", (rows, time, width), [(rows, time, width)],
                   lambda k, o, x=x, c=c, s=s, z=(rows, time, width): k.rotary_embedding(x, c, s, o[0], *z),
                   [rotary(x.double(), c.double(), s.double())], 1e-6)


def swiglu(make, small):
    for size in [1, 7, 1030] + ([] if small else [8192 * 2816, (1 << 20) + 3]):
        g, u, dy = make.normal(size, scale=4.0), make.normal(size), make.normal(size)
        g64, u64 = wide(g), wide(u)
        y = torch.nn.functional.silu(g64) * u64
        yield Case("swiglu", size, [(size,)], lambda k, o, g=g, u=u, n=size: k.swiglu(g, u, o[0], n), [y.detach()])
        yield Case("swiglu_grad", size, [(size,), (size,)],
                   lambda k, o, g=g, u=u, dy=dy, n=size: k.swiglu_grad(g, u, dy, o[0], o[1], n),
                   list(grads(y, (g64, u64), dy)))


def half_bits(x):
    """As src/kernels/composed/pack_half.ts: one NaN, no −0; else what PyTorch rounds to."""
    bits = x.half().view(torch.int16).int() & 0xFFFF
    bits = torch.where(bits & 0x7FFF == 0, 0, bits)
    return torch.where(x.isnan(), 0x7E00, bits).int()


def words_of(bits):
    """Two a word, the first in the lower bits."""
    low, high = torch.nn.functional.pad(bits, (0, len(bits) % 2)).view(-1, 2).unbind(1)
    return low + torch.where(high < 0x8000, high, high - 0x10000) * 0x10000


def halves(make, small):
    # All halves but NaN, what is halfway between two of them, and the floats next to either.
    sizes = torch.arange(0x7C01, dtype=torch.int32).to(torch.int16).view(torch.half).float()
    between = (sizes[1:] + sizes[:-1]) / 2  # The last is infinite: 65520 takes its place.
    between[-1] = 65520.0
    exact = torch.cat([sizes, between]).view(torch.int32)
    near = torch.cat([exact[1:] - 1, exact, exact[:-1] + 1]).view(torch.float32)
    special = torch.tensor([math.nan, math.inf, 1e-45, 2.0**-25, 3e38, 65519.996, 1e5])
    corners = torch.cat([near, special])
    corners = torch.cat([corners, -corners]).to(make.device)
    shapes = [1, 2, 7, 8, 13, 1031]
    shapes += [] if small else [8192 * 4096, (1 << 20) + 5]
    inputs = [(n, make.normal(n, scale=10.0)) for n in shapes] + [("all halves", corners)]
    for name, x in inputs:
        bits, n = half_bits(x), len(x)
        words = words_of(bits)
        yield Case("pack_half", name, [words.shape], lambda k, o, x=x, n=n: k.pack_half(x, o[0], n), [words], 0, torch.int32)
        # As bits, so that −0 and NaN count.
        sign = torch.where(torch.arange(n, device=x.device) % 2 == 0, 0, 0x8000)
        signed = torch.where(bits == 0x7E00, bits, bits ^ sign).int()
        packed = words_of(signed)
        expected = signed.to(torch.int16).view(torch.half).float().view(torch.int32)
        yield Case("unpack_half", name, [(n,)], lambda k, o, w=packed, n=n: k.unpack_half(w, o[0], n), [expected], 0, torch.int32)


def cross_entropy(make, small):
    shapes = [(1, 1), (1, 2), (33, 17), (4, 1030), (3, 2051)]
    shapes += [] if small else [(1024, 50257), (8192, 2048), (65536, 5), (7, 128256)]
    for n, v in shapes:
        logits, targets, dloss = make.normal(n, v, scale=5.0), make.below(v, n), make.normal(n)
        if v > 16:
            logits[:, 3] = -math.inf
            targets = torch.where(targets == 3, 4, targets).int()
        l64 = wide(logits)
        loss = torch.nn.functional.cross_entropy(l64, targets.long(), reduction="none")
        lse = torch.logsumexp(logits.double(), -1)
        run = lambda k, o, a=(logits, targets), z=(n, v): k.sparse_cross_entropy(*a, o[0], o[1], *z)
        yield Case("sparse_cross_entropy", (n, v), [(n,), (n,)], run, [loss.detach(), lse])
        run = lambda k, o, a=(logits, targets, lse.float(), dloss), z=(n, v): k.sparse_cross_entropy_grad(*a, o[0], *z)
        yield Case("sparse_cross_entropy_grad", (n, v), [(n, v)], run, list(grads(loss, (l64,), dloss)))


def attention_reference(q, k, v, scale):
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = scale * q @ k.transpose(-1, -2)
    tq, tk = scores.shape[-2:]
    hidden = torch.ones(tq, tk, dtype=torch.bool, device=q.device).triu(tk - tq + 1)
    scores = scores.masked_fill(hidden, -math.inf)
    return scores.softmax(-1) @ v, torch.logsumexp(scores, -1)


def causal_attention(make, small):
    shapes = [(1, 1, 1, 1, 1, 1), (1, 2, 1, 5, 5, 6), (1, 4, 2, 66, 66, 33), (1, 2, 2, 3, 130, 64), (1, 2, 1, 40, 70, 100),
              (1, 1, 1, 35, 67, 256)]
    shapes += [] if small else [(2, 8, 2, 512, 512, 64), (1, 4, 4, 1024, 1024, 128), (8, 16, 16, 129, 129, 64),
                                (1, 6, 3, 1, 777, 128), (2, 4, 1, 300, 500, 80), (1, 2, 1, 4096, 4096, 64)]
    for b, h, g, tq, tk, d in shapes:
        q, k, v = make.normal(b, h, tq, d), make.normal(b, g, tk, d), make.normal(b, g, tk, d)
        dout, scale = make.normal(b, h, tq, d), 1 / math.sqrt(d)
        sizes = (b, h, g, tq, tk, d)
        q64, k64, v64 = wide(q), wide(k), wide(v)
        out, lse = attention_reference(q64, k64, v64, scale)
        given = (q, k, v, out.detach().float(), lse.detach().float(), dout)
        yield Case("causal_attention", sizes, [q.shape, (b, h, tq)],
                   lambda f, o, a=(q, k, v), z=sizes, s=scale: f.causal_attention(*a, o[0], o[1], *z, s),
                   [out.detach(), lse.detach()])
        yield Case("causal_attention_grad", sizes, [q.shape, k.shape, v.shape],
                   lambda f, o, a=given, z=sizes, s=scale: f.causal_attention_grad(*a, *o, *z, s),
                   list(grads(out, (q64, k64, v64), dout)))


def scatter_rows(make, small):
    shapes = [(1, 1, 1), (50, 7, 33), (40, 1500, 3), (1100, 2, 5)]
    shapes += [] if small else [(8192, 50257, 256), (65536, 100, 64), (65536, 50257, 16), (4096, 1, 300)]
    for n, segments, width in shapes:
        rows, ids = make.normal(n, width), make.below(segments, n)
        sums = torch.zeros(segments, width, dtype=torch.float64, device=rows.device)
        sums.index_add_(0, ids.long(), rows.double())
        yield Case("scatter_rows", (n, segments, width), [(segments, width)],
                   lambda k, o, a=(rows, ids), z=(n, segments, width): k.scatter_rows(*a, o[0], *z), [sums])


def optimizers(make, small):
    for size in [1, 7, 1030] + ([] if small else [4096 * 4096, (1 << 20) + 1]):
        w, g, m, v = make.normal(size), make.normal(size), make.normal(size), make.normal(size).square()
        f = (0.1, 0.99, 0.01, 1e-9, 0.02, 0.999)
        m64 = m.double() + f[0] * (g.double() - m.double())
        v64 = f[1] * v.double() + f[2] * g.double().square()
        w64 = f[5] * w.double() - f[4] * m64 / (v64.sqrt() + f[3])
        yield Case("adamw", size, [(size,)] * 3,
                   lambda k, o, a=(w, g, m, v), n=size, f=f: k.adamw(*a, *o, n, *f), [w64, m64, v64])
        for nesterov in (0, 1):
            mean = 0.95 * m.double() + 0.05 * g.double()
            along = 0.95 * mean + 0.05 * g.double() if nesterov else mean
            yield Case("muon", (size, nesterov), [(size,)] * 2,
                       lambda k, o, a=(m, g), n=size, t=nesterov: k.muon(*a, *o, n, 0.95, 0.05, t), [mean, along])
    for sizes in [[1], [5, 1, 3000]] + ([[4] * 130] if small else [[1 << 20] * 40 + [7] * 200]):
        tensors = [make.normal(size) for size in sizes]
        count = len(sizes)
        pointers = (ctypes.c_void_p * count)(*[t.data_ptr() for t in tensors])
        lengths = (ctypes.c_int64 * count)(*sizes)
        expected = torch.stack([t.double().square().sum() for t in tensors])
        yield Case("global_norm", count, [(count,)],
                   lambda k, o, a=(pointers, lengths, count), keep=tensors: k.global_norm(*a, o[0]), [expected])


def boundaries(make, small):
    shapes = [(1, 1, 1, 1, 1), (9, 21, 5, 3, 6), (70, 140, 12, 12, 40), (130, 64, 70, 8, 9)]
    shapes += [] if small else [(8192, 2048, 64, 64, 50257), (1024, 4096, 256, 256, 2048), (65536, 64, 16, 16, 100),
                                (1, 1024, 37, 37, 50257), (4096, 1024, 130, 70, 999)]
    for n, d, r, a, v in shapes:
        x, z, ids = make.normal(n, d), make.normal(n, r), make.below(v, n)
        shared = (make.normal(d, r, scale=d**-0.5), make.normal(v, a), make.normal(a, d, scale=d**-0.5))
        projector, anchors, basis = (t.double() for t in shared)
        rows = anchors[ids.long()] @ basis
        sizes = (n, d, r, a, v)
        yield Case("boundary_encode", sizes, [(n, r)],
                   lambda k, o, i=(x, ids, *shared), s=sizes: k.boundary_encode(*i, o[0], *s), [(x.double() - rows) @ projector])
        yield Case("boundary_decode", sizes, [(n, d)],
                   lambda k, o, i=(z, ids, *shared), s=sizes: k.boundary_decode(*i, o[0], *s), [z.double() @ projector.T + rows])


def polar(make, small):
    coefficients = polar_coefficients()
    flat = (ctypes.c_float * (3 * len(coefficients)))(*[c for row in coefficients for c in row])
    shapes = [(1, 1, 1), (2, 7, 3), (1, 3, 8), (1, 150, 20)]
    shapes += [] if small else [(1, 256, 64), (4, 2048, 128), (1, 4096, 256), (2, 688, 256), (3, 70, 1000), (1, 4096, 1024)]
    # At 1e38 the norm is beyond float32.
    for (b, m, n), scale in [*((shape, 1.0) for shape in shapes), ((2, 7, 3), 1e38), ((2, 7, 3), 1e-33)]:
        y = make.normal(b, m, n, scale=scale)
        u, _, vh = torch.linalg.svd(y.double(), full_matrices=False)
        yield Case("polar_factor", (b, m, n, scale), [(b, m, n)],
                   lambda k, o, y=y, z=(b, m, n): k.polar_factor(y, flat, len(coefficients), o[0], *z), [u @ vh], 5e-5)


def rvq_reference(z, codebooks):
    """As src/kernels/composed/rvq_encode.ts, in float32 and in its order: indices have no tolerance."""
    rounds, groups, codes, width = codebooks.shape
    residual, indices = z.view(-1, groups, width).clone(), []
    for r in range(rounds):
        distances = torch.zeros(len(z), groups, codes, device=z.device)
        for j in range(width):
            difference = residual[:, :, None, j] - codebooks[r][None, :, :, j]
            distances = distances + difference * difference
        lowest = distances == distances.min(-1, keepdim=True).values
        order = torch.arange(codes, device=z.device)
        chosen = torch.where(lowest, order, codes).min(-1).values
        indices.append(chosen)
        residual = residual - torch.stack([codebooks[r][g][chosen[:, g]] for g in range(groups)], 1)
    return torch.stack(indices).int()


def rvq(make, small):
    shapes = [(1, 1, 1, 1, 1), (7, 2, 3, 5, 2), (66, 2, 2, 70, 9), (5, 1, 1, 65, 40)]
    shapes += [] if small else [(8192, 2, 8, 1024, 8), (4096, 3, 4, 257, 33), (65536, 1, 1, 16, 4), (513, 2, 1, 512, 256)]
    for n, rounds, groups, codes, width in shapes:
        z, codebooks = make.normal(n, groups * width), make.normal(rounds, groups, codes, width)
        if codes > 4:
            codebooks[:, :, 3] = codebooks[:, :, 1]  # Ties.
            z[0] = codebooks[0, :, 3].flatten()
        sizes = (n, rounds, groups, codes, width)
        indices = rvq_reference(z, codebooks)
        yield Case("rvq_encode", sizes, [(rounds, n, groups)],
                   lambda k, o, i=(z, codebooks), s=sizes: k.rvq_encode(*i, o[0], *s), [indices], 0, torch.int32)
        books = codebooks.double()
        sums = sum(torch.stack([books[r, g][indices[r, :, g].long()] for g in range(groups)], 1) for r in range(rounds))
        yield Case("rvq_decode", sizes, [(n, groups * width)],
                   lambda k, o, i=(indices, codebooks), s=sizes: k.rvq_decode(*i, o[0], *s), [sums.flatten(1)])


FAMILIES = [rms_norm, rotary_embedding, swiglu, halves, cross_entropy, causal_attention, scatter_rows, optimizers, boundaries, polar, rvq]
