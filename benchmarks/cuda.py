"""`npm run bench:cuda`: the CUDA kernels against PyTorch on the same card, in one run.

Memory-bound kernels against the bandwidth of a copy (ratio: ours / copy, at least 0.8 wanted); attention against
scaled_dot_product_attention in float32, RVQ against cdist + argmin, Polar Express against its products by cuBLAS (ratio:
ours / peer in time). Writes benchmarks/results/cuda.json and .md.
"""
import ctypes
import json
import math
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test/cuda"))

ROUNDS, WARM_UP = 15, 3


def milliseconds(run):
    """One measurement: enough calls to last a millisecond or so, between two events."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    calls = 10
    start.record()
    for _ in range(calls):
        run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / calls


def interleaved(ours, peer):
    """Medians of both, measured in turns."""
    times = ([], [])
    for i in range(-WARM_UP, ROUNDS):
        for side, run in enumerate((ours, peer)):
            ms = milliseconds(run)
            if i >= 0:
                times[side].append(ms)
    return tuple(statistics.median(t) for t in times)


def row(name, ours, peer, limit, unit="ms", more_is_better=False):
    ratio = ours / peer
    held = ratio >= limit if more_is_better else ratio <= limit
    print(f"{name}: {ours:.4g} vs {peer:.4g} {unit}, ratio {ratio:.3f}, limit {limit}{'' if held else ' MISSED'}", flush=True)
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "limit": limit, "held": held}


def memory_bound(k):
    n, d, v = 16384, 4096, 50257
    normal = lambda *shape: torch.randn(*shape, device="cuda")
    x, dy, w = normal(n, d), normal(n, d), normal(d)
    y, dx, dw = torch.empty_like(x), torch.empty_like(x), torch.empty_like(w)
    size, tensor = n * d, 4 * n * d
    # A copy is timed beside each kernel: it reads and writes `tensor` bytes.
    copy = lambda: y.copy_(x)
    cos, sin = normal(2048, 64), normal(2048, 64)
    rows = normal(8192, v)
    ids = torch.randint(0, v, (8192,), device="cuda", dtype=torch.int32)
    loss, lse, dloss = normal(8192), normal(8192) + 12, normal(8192)
    drows = torch.empty_like(rows)
    a, b, c = normal(n, d), normal(n, d), normal(n, d).square()
    oa, ob = torch.empty_like(a), torch.empty_like(a)
    count = 8
    pointers = (ctypes.c_void_p * count)(*[x.data_ptr() + i * tensor // count for i in range(count)])
    sizes = (ctypes.c_int64 * count)(*[size // count] * count)
    squares = normal(count)
    few = torch.randint(0, v, (8192,), device="cuda", dtype=torch.int32)
    out = normal(v, 256)
    some = normal(8192, 256)
    jobs = [
        ("rms_norm", 2 * tensor, lambda: k.rms_norm(x, w, y, n, d, 1e-5)),
        ("rms_norm_grad", 3 * tensor, lambda: k.rms_norm_grad(x, w, dy, dx, dw, n, d, 1e-5)),
        ("rotary_embedding", 2 * tensor, lambda: k.rotary_embedding(x, cos, sin, y, size // (2048 * 128), 2048, 128)),
        ("swiglu", 3 * tensor, lambda: k.swiglu(x, dy, y, size)),
        ("swiglu_grad", 5 * tensor, lambda: k.swiglu_grad(x, dy, a, dx, y, size)),
        ("sparse_cross_entropy", rows.nbytes, lambda: k.sparse_cross_entropy(rows, ids, loss, lse, 8192, v)),
        ("sparse_cross_entropy_grad", 2 * rows.nbytes,
         lambda: k.sparse_cross_entropy_grad(rows, ids, lse, dloss, drows, 8192, v)),
        ("adamw", 7 * tensor, lambda: k.adamw(x, dy, a, c, y, oa, ob, size, 0.1, 0.99, 0.01, 1e-8, 1e-3, 0.999)),
        ("muon", 4 * tensor, lambda: k.muon(a, x, oa, ob, size, 0.95, 0.05, 1)),
        ("global_norm", tensor, lambda: k.global_norm(pointers, sizes, count, squares)),
        ("scatter_rows", some.nbytes + out.nbytes, lambda: k.scatter_rows(some, few, out, 8192, v, 256)),
    ]
    for name, moved, run in jobs:
        ours, peer = interleaved(run, copy)
        yield row(f"{name}, bandwidth vs copy", moved / ours / 1e9, 2 * tensor / peer / 1e9, 0.8, "TB/s", True)


def attention(k):
    for b, h, g, t, d in [(8, 16, 16, 1024, 64), (4, 16, 4, 2048, 128), (2, 16, 16, 4096, 64)]:
        q, dout = (torch.randn(b, h, t, d, device="cuda") for _ in range(2))
        key, value = (torch.randn(b, g, t, d, device="cuda") for _ in range(2))
        out, lse, scale, sizes = torch.empty_like(q), torch.empty(b, h, t, device="cuda"), d**-0.5, (b, h, g, t, t, d)
        wide = [x.repeat_interleave(h // g, 1) for x in (key, value)]
        peer = lambda: torch.nn.functional.scaled_dot_product_attention(q, *wide, is_causal=True)
        with torch.no_grad():
            pair = interleaved(lambda: k.causal_attention(q, key, value, out, lse, *sizes, scale), peer)
        # Half of the peer's speed is twice its time.
        yield row(f"causal_attention {sizes} vs scaled_dot_product_attention", *pair, 2.0)
        grads = [torch.empty_like(x) for x in (q, key, value)]
        inputs = [x.requires_grad_(True) for x in (q, *wide)]
        result = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
        ours = lambda: k.causal_attention_grad(q, key, value, out, lse, dout, *grads, *sizes, scale)
        pair = interleaved(ours, lambda: torch.autograd.grad(result, inputs, dout, retain_graph=True))
        yield row(f"causal_attention_grad {sizes} vs its backward", *pair, 2.0)


def rvq(k):
    for n, rounds, groups, codes, width in [(8192, 2, 8, 1024, 8), (16384, 4, 8, 256, 16), (8192, 2, 4, 1024, 32)]:
        z, books = torch.randn(n, groups * width, device="cuda"), torch.randn(rounds, groups, codes, width, device="cuda")
        out = torch.empty(rounds, n, groups, dtype=torch.int32, device="cuda")

        def composed():
            residual = z.view(n, groups, width).transpose(0, 1)
            for r in range(rounds):
                chosen = torch.cdist(residual, books[r]).argmin(-1)
                residual = residual - books[r].gather(1, chosen[..., None].expand(-1, -1, width))

        sizes = (n, rounds, groups, codes, width)
        yield row(f"rvq_encode {sizes} vs cdist + argmin", *interleaved(lambda: k.rvq_encode(z, books, out, *sizes), composed), 1 / 3)


def polar(k):
    from cases import polar_coefficients
    coefficients = polar_coefficients(8, 0, 0)
    flat = (ctypes.c_float * (3 * len(coefficients)))(*[c for triple in coefficients for c in triple])
    for b, m, n in [(4, 256, 64), (4, 2048, 128), (1, 4096, 1024), (4, 4096, 512)]:
        y = torch.randn(b, m, n, device="cuda")
        out, x = torch.empty_like(y), y / y.norm(dim=(1, 2), keepdim=True)
        gram, square, product = torch.empty(b, n, n, device="cuda"), torch.empty(b, n, n, device="cuda"), torch.empty_like(y)

        def products():
            for _ in coefficients:
                torch.bmm(x.transpose(1, 2), x, out=gram)
                torch.bmm(gram, gram, out=square)
                torch.bmm(x, square, out=product)

        ours = lambda: k.polar_factor(y, flat, len(coefficients), out, b, m, n)
        yield row(f"polar_factor {(b, m, n)}, {len(coefficients)} steps vs cuBLAS for its products", *interleaved(ours, products), 1.2)


def main():
    if not torch.cuda.is_available():
        print("bench:cuda: skipped, PyTorch sees no GPU here; nothing has been measured")
        return
    from kernels import Kernels, find_nvcc
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    kernels = Kernels(poison=False)
    rows = [r for group in (memory_bound, attention, rvq, polar) for r in group(kernels)]
    nvcc = subprocess.run([find_nvcc(), "--version"], capture_output=True, text=True).stdout.strip().splitlines()[-1]
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda, "nvcc": nvcc}
    folder = ROOT / "benchmarks/results"
    folder.mkdir(exist_ok=True)
    result = {"command": "npm run bench:cuda", "date": str(date.today()), "machine": machine, "rounds": ROUNDS, "rows": rows}
    (folder / "cuda.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = ["# Benchmark: cuda", "", "Medians of interleaved runs on one card. Bandwidth: more is better, at least the limit; times: at most.", "",
             "| name | ours | peer | unit | ratio | limit | held |", "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {r['name']} | {r['ours']:.4g} | {r['peer']:.4g} | {r['unit']} | {r['ratio']:.3f} | {r['limit']:.3g} | {'yes' if r['held'] else 'no'} |"
              for r in rows]
    lines += ["", f"* {machine['gpu']}, torch {machine['torch']} (CUDA {machine['cuda']}), {machine['nvcc']}; {ROUNDS} rounds; {result['date']}", ""]
    (folder / "cuda.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
