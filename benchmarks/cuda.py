"""`npm run bench:cuda`: the CUDA kernels against PyTorch on the same card, in one run.

Memory-bound kernels against the bandwidth of a copy (ratio: ours / copy, at least 0.8 wanted); attention against
scaled_dot_product_attention in float32, RVQ against cdist + argmin, Polar Express against its products by cuBLAS (ratio:
ours / peer in time). Where both sides compute the same, results are compared before times, and a row in which they disagree is
refused; `npm run test:cuda` holds all kernels against float64. Writes benchmarks/results/cuda.json and .md after every row. Needs
Python with PyTorch and nvcc: without Node it is `python benchmarks/cuda.py`.

`--plan` writes the tables with "not measured" in every row, without a GPU; `--emulate` tries the program on the CPU with tiny
sizes, and measures and writes nothing.
"""
import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

try:
    import torch
except ImportError:  # Enough for --plan.
    torch = None

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"
sys.path.insert(0, str(ROOT / "test/cuda"))

ROUNDS, WARM_UP = 15, 3

# A measured kernel moves at least this part of what a copy does in the same time; its bytes are read and written once.
COPY_SHARE = 0.8
# Half of the peer's speed is twice its time.
ATTENTION_TIME = 2.0
RVQ_TIME = 1 / 3
POLAR_TIME = 1.2

# Rows, width, vocabulary, and rows of logits.
SIZES = {"n": 16384, "d": 4096, "v": 50257, "m": 8192, "t": 2048, "head": 128}
SMALL_SIZES = {"n": 64, "d": 64, "v": 257, "m": 64, "t": 4, "head": 16}
MEMORY_BOUND = [
    "rms_norm", "rms_norm_grad", "rotary_embedding", "swiglu", "swiglu_grad", "sparse_cross_entropy", "sparse_cross_entropy_grad",
    "adamw", "muon", "global_norm", "scatter_rows", "pack_half", "unpack_half",
]
# Batch, heads, groups of keys and values, positions, width.
ATTENTION = [(8, 16, 16, 1024, 64), (4, 16, 4, 2048, 128), (2, 16, 16, 4096, 64)]
# Rows, rounds, groups, codes, width of a code.
RVQ = [(8192, 2, 8, 1024, 8), (16384, 4, 8, 256, 16), (8192, 2, 4, 1024, 32)]
# Matrices, rows, columns.
POLAR = [(4, 256, 64), (4, 2048, 128), (1, 4096, 1024), (4, 4096, 512)]
SMALL = {"attention": [(1, 2, 1, 20, 16)], "rvq": [(64, 2, 2, 16, 8)], "polar": [(2, 20, 8)]}


def planned(small=False):
    """All rows as (group, name, peer, limit, unit, more is better), known without a GPU."""
    s = SMALL_SIZES if small else SIZES
    shapes = {"sparse_cross_entropy": f"{s['m']}×{s['v']}", "sparse_cross_entropy_grad": f"{s['m']}×{s['v']}",
              "scatter_rows": f"{s['m']}×256 into {s['v']}"}
    rows = [("memory", f"{name} ({shapes.get(name, str(s['n']) + '×' + str(s['d']))})", "bandwidth of a copy", COPY_SHARE, "TB/s", True)
            for name in MEMORY_BOUND]
    for b, h, g, t, d in SMALL["attention"] if small else ATTENTION:
        sizes = f"{b}×{h}/{g} heads, {t} positions, {d} wide"
        rows.append(("attention", f"causal_attention ({sizes})", "scaled_dot_product_attention, float32", ATTENTION_TIME, "ms", False))
        rows.append(("attention", f"causal_attention_grad ({sizes})", "its backward", ATTENTION_TIME, "ms", False))
    for n, rounds, groups, codes, width in SMALL["rvq"] if small else RVQ:
        name = f"rvq_encode ({n} rows, {rounds} rounds, {groups} groups of {width}, {codes} codes)"
        rows.append(("rvq", name, "cdist and argmin", RVQ_TIME, "ms", False))
    for b, m, n in SMALL["polar"] if small else POLAR:
        rows.append(("polar", f"polar_factor ({b}×{m}×{n}, 8 steps)", "its products by cuBLAS", POLAR_TIME, "ms", False))
    return [dict(zip(("group", "name", "against", "limit", "unit", "more_is_better"), r)) for r in rows]


class Clock:
    """Times on the card; on the emulator of the CPU, which measures nothing, any clock will do."""

    def __init__(self, emulate):
        self.emulate = emulate
        self.device = "cpu" if emulate else "cuda"
        self.rounds, self.warm_up = (1, 0) if emulate else (ROUNDS, WARM_UP)

    def milliseconds(self, run):
        """One measurement: enough calls to last a millisecond or so, between two events."""
        if self.emulate:
            start = time.perf_counter()
            run()
            return 1000 * (time.perf_counter() - start)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        calls = 10
        start.record()
        for _ in range(calls):
            run()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / calls

    def interleaved(self, ours, peer):
        """Medians of both, measured in turns."""
        times = ([], [])
        for i in range(-self.warm_up, self.rounds):
            for side, run in enumerate((ours, peer)):
                ms = self.milliseconds(run)
                if i >= 0:
                    times[side].append(ms)
        return tuple(statistics.median(t) for t in times)


class Disagree(Exception):
    """Two sides that should compute the same do not."""


def check_agreement(ours, peer, tolerance=1e-3):
    """Fails where results differ by more than this part of the largest value; of codes, where more than this part differs."""
    for i, (a, b) in enumerate(zip(ours, peer, strict=True)):
        if a.dtype == torch.int32:
            difference = float((a != b).double().mean())
        else:
            difference = float((a - b).abs().max()) / float(b.abs().max())
        if not difference <= tolerance:  # Also catches NaN.
            raise Disagree(f"results disagree: result {i} by {difference:.1e}, at most {tolerance} allowed")


def memory_bound(k, clock, small):
    """Yields a function for each of MEMORY_BOUND, in their order, that gives ours and the copy's TB/s."""
    s = SMALL_SIZES if small else SIZES
    n, d, v, m, t, head = (s[key] for key in ("n", "d", "v", "m", "t", "head"))
    device = clock.device
    normal = lambda *shape: torch.randn(*shape, device=device)
    x, dy, w = normal(n, d), normal(n, d), normal(d)
    y, dx, dw = torch.empty_like(x), torch.empty_like(x), torch.empty_like(w)
    size, tensor = n * d, 4 * n * d
    # A copy is timed beside each kernel: it reads and writes `tensor` bytes.
    copy = lambda: y.copy_(x)
    cos, sin = normal(t, head // 2), normal(t, head // 2)
    rows = normal(m, v)
    ids = torch.randint(0, v, (m,), device=device, dtype=torch.int32)
    loss, lse, dloss = normal(m), normal(m) + 12, normal(m)
    drows = torch.empty_like(rows)
    a, c = normal(n, d), normal(n, d).square()
    oa, ob = torch.empty_like(a), torch.empty_like(a)
    count = 8
    pointers = (ctypes.c_void_p * count)(*[x.data_ptr() + i * tensor // count for i in range(count)])
    sizes = (ctypes.c_int64 * count)(*[size // count] * count)
    squares = normal(count)
    out, some = normal(v, 256), normal(m, 256)
    words = torch.empty(size // 2, dtype=torch.int32, device=device)
    k.pack_half(x, words, size)
    jobs = {
        "rms_norm": (2 * tensor, lambda: k.rms_norm(x, w, y, n, d, 1e-5)),
        "rms_norm_grad": (3 * tensor, lambda: k.rms_norm_grad(x, w, dy, dx, dw, n, d, 1e-5)),
        "rotary_embedding": (2 * tensor, lambda: k.rotary_embedding(x, cos, sin, y, size // (t * head), t, head)),
        "swiglu": (3 * tensor, lambda: k.swiglu(x, dy, y, size)),
        "swiglu_grad": (5 * tensor, lambda: k.swiglu_grad(x, dy, a, dx, y, size)),
        "sparse_cross_entropy": (rows.nbytes, lambda: k.sparse_cross_entropy(rows, ids, loss, lse, m, v)),
        "sparse_cross_entropy_grad": (2 * rows.nbytes, lambda: k.sparse_cross_entropy_grad(rows, ids, lse, dloss, drows, m, v)),
        "adamw": (7 * tensor, lambda: k.adamw(x, dy, a, c, y, oa, ob, size, 0.1, 0.99, 0.01, 1e-8, 1e-3, 0.999)),
        "muon": (4 * tensor, lambda: k.muon(a, x, oa, ob, size, 0.95, 0.05, 1)),
        "global_norm": (tensor, lambda: k.global_norm(pointers, sizes, count, squares)),
        "scatter_rows": (some.nbytes + out.nbytes, lambda: k.scatter_rows(some, ids, out, m, v, 256)),
        "pack_half": (tensor + words.nbytes, lambda: k.pack_half(x, words, size)),
        "unpack_half": (tensor + words.nbytes, lambda: k.unpack_half(words, y, size)),
    }

    def bandwidths(moved, run):
        ours, peer = clock.interleaved(run, copy)
        return moved / ours / 1e9, 2 * tensor / peer / 1e9

    for name in MEMORY_BOUND:
        moved, run = jobs[name]
        yield lambda: bandwidths(moved, run)


def attention(k, clock, small):
    for b, h, g, t, d in SMALL["attention"] if small else ATTENTION:
        q, dout = (torch.randn(b, h, t, d, device=clock.device) for _ in range(2))
        key, value = (torch.randn(b, g, t, d, device=clock.device) for _ in range(2))
        out, lse = torch.empty_like(q), torch.empty(b, h, t, device=clock.device)
        scale, sizes = d**-0.5, (b, h, g, t, t, d)
        wide = [x.repeat_interleave(h // g, 1) for x in (key, value)]
        ours = lambda: k.causal_attention(q, key, value, out, lse, *sizes, scale)
        peer = lambda: torch.nn.functional.scaled_dot_product_attention(q, *wide, is_causal=True)

        def forward():
            with torch.no_grad():
                ours()
                check_agreement([out], [peer()])
                return clock.interleaved(ours, peer)

        yield forward
        grads = [torch.empty_like(x) for x in (q, key, value)]

        def backward():
            ours()
            inputs = [x.requires_grad_(True) for x in (q, *wide)]
            result = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
            back = lambda: torch.autograd.grad(result, inputs, dout, retain_graph=True)
            ours_back = lambda: k.causal_attention_grad(q, key, value, out, lse, dout, *grads, *sizes, scale)
            ours_back()
            dq, *rest = back()
            # The peer's heads are copies of the groups: the gradient of a group is the sum of theirs.
            summed = [x.reshape(b, g, h // g, t, d).sum(2) for x in rest]
            check_agreement(grads, [dq, *summed])
            return clock.interleaved(ours_back, back)

        yield backward


def rvq(k, clock, small):
    for n, rounds, groups, codes, width in SMALL["rvq"] if small else RVQ:
        z = torch.randn(n, groups * width, device=clock.device)
        books = torch.randn(rounds, groups, codes, width, device=clock.device)
        out = torch.empty(rounds, n, groups, dtype=torch.int32, device=clock.device)

        def composed():
            residual = z.view(n, groups, width).transpose(0, 1)
            indices = []
            for r in range(rounds):
                chosen = torch.cdist(residual, books[r]).argmin(-1)
                residual = residual - books[r].gather(1, chosen[..., None].expand(-1, -1, width))
                indices.append(chosen)
            return indices

        sizes = (n, rounds, groups, codes, width)

        def measure():
            ours = lambda: k.rvq_encode(z, books, out, *sizes)
            ours()
            theirs = torch.stack([chosen.T for chosen in composed()]).to(torch.int32)
            check_agreement([out], [theirs])
            return clock.interleaved(ours, composed)

        yield measure


def polar(k, clock, small):
    from cases import polar_coefficients
    coefficients = polar_coefficients(8, 0, 0)
    flat = (ctypes.c_float * (3 * len(coefficients)))(*[c for triple in coefficients for c in triple])
    for b, m, n in SMALL["polar"] if small else POLAR:
        y = torch.randn(b, m, n, device=clock.device)
        out, x = torch.empty_like(y), y / y.norm(dim=(1, 2), keepdim=True)
        gram, square = torch.empty(b, n, n, device=clock.device), torch.empty(b, n, n, device=clock.device)
        product = torch.empty_like(y)

        # The peer's products alone have no result to compare.
        def products():
            for _ in coefficients:
                torch.bmm(x.transpose(1, 2), x, out=gram)
                torch.bmm(gram, gram, out=square)
                torch.bmm(x, square, out=product)

        yield lambda: clock.interleaved(lambda: k.polar_factor(y, flat, len(coefficients), out, b, m, n), products)


GROUPS = {"memory": memory_bound, "attention": attention, "rvq": rvq, "polar": polar}


NOT_REACHED = "the run ended before it"


def measure_all(rows, asked, kernels, clock, small, save):
    """Measures `rows` [i for i in asked], or writes down why not; calls `save` after each."""
    for group, cases in GROUPS.items():
        places = [i for i, row in enumerate(rows) if row["group"] == group]
        if not asked.intersection(places):
            continue
        measures, broken = cases(kernels, clock, small), None
        for i in places:
            row = rows[i]
            try:
                measure = next(measures)
            except Exception as error:  # Such as too little memory: the rows behind it have nothing to run either.
                broken = broken or first_line(error)
                measure = None
            if i not in asked:
                continue
            label = f"{row['name']} vs {row['against']}"
            try:
                if measure is None:
                    raise RuntimeError(broken)
                ours, peer = measure()
                ratio = ours / peer
                held = ratio >= row["limit"] if row["more_is_better"] else ratio <= row["limit"]
                rows[i] = {**row, "measured": {"ours": ours, "peer": peer, "ratio": ratio, "held": held}, "reason": None}
                print(f"{label}: {ours:.4g} vs {peer:.4g} {row['unit']}, ratio {ratio:.3f}, "
                      f"limit {row['limit']:.3g}{'' if held else ' MISSED'}", flush=True)
            except Exception as error:  # One row less, not all.
                rows[i] = {**row, "measured": None, "reason": first_line(error)}
                print(f"{label}: not measured, {first_line(error)}", flush=True)
            save(rows)


def first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def markdown(result):
    machine, rows = result["machine"], result["rows"]
    lines = ["# Benchmark: cuda", ""]
    if machine is None:
        lines += ["**Nothing here has been measured: there was no GPU.** On a machine with an NVIDIA GPU, nvcc and PyTorch, "
                  "`npm run bench:cuda` measures every row and writes this file again; `npm run test:cuda` tests the kernels there, "
                  "with compute-sanitizer's memcheck and racecheck, which have not run either.", ""]
    else:
        lines += [f"{sum(r['measured'] is not None for r in rows)} of {len(rows)} rows measured.", ""]
    lines += ["Medians of interleaved runs on one card. TB/s: more is better, ratio at least what is wanted; ms: at most.", "",
              "| ours | against | ours | peer | unit | ratio | wanted | held |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for r in rows:
        wanted = f"{'≥' if r['more_is_better'] else '≤'} {r['limit']:.3g}"
        m = r["measured"]
        cells = ["not measured", "not measured", r["unit"], "–", wanted, "–"] if m is None else \
            [f"{m['ours']:.4g}", f"{m['peer']:.4g}", r["unit"], f"{m['ratio']:.3f}", wanted, "yes" if m["held"] else "no"]
        lines.append("| " + " | ".join([r["name"], r["against"], *cells]) + " |")
    lines += [""]
    if machine is not None:
        lines += [f"* {machine['gpu']}, torch {machine['torch']} (CUDA {machine['cuda']}), {machine['nvcc']}; {ROUNDS} rounds"]
        lines += [f"* {r['name']}: not measured, {r['reason']}" for r in rows if r["measured"] is None]
    return "\n".join([*lines, f"* Command: `{result['command']}`, {result['date']}", ""])


def write(folder, machine, rows, command):
    folder.mkdir(parents=True, exist_ok=True)
    result = {"command": command, "date": str(date.today()), "machine": machine, "rounds": ROUNDS, "rows": rows}
    (folder / "cuda.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    (folder / "cuda.md").write_text(markdown(result))


def measured_before(folder, machine):
    """Rows that the folder's table has of this machine, by name and peer."""
    file = folder / "cuda.json"
    earlier = json.loads(file.read_text()) if file.exists() else {"machine": None}
    if machine is None or earlier["machine"] != machine:
        return {}
    return {(r["name"], r["against"]): r for r in earlier["rows"] if r["measured"] is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows with this in their names or their peers' names")
    parser.add_argument("--missing", action="store_true", help="rows that the table in --out does not have of this machine")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where cuda.json and cuda.md go")
    parser.add_argument("--plan", action="store_true", help='write the tables with "not measured" in every row')
    parser.add_argument("--emulate", action="store_true", help="try the program on the CPU, measure and write nothing")
    options = parser.parse_args()
    command = " ".join(["npm run bench:cuda", *(["--", *sys.argv[1:]] if len(sys.argv) > 1 else [])])
    if options.plan:
        file = options.out / "cuda.json"
        if file.exists() and json.loads(file.read_text())["machine"] is not None:
            sys.exit(f"--plan: {file} has measurements, which this would overwrite")
        write(options.out, None, [{**row, "measured": None, "reason": "no GPU so far"} for row in planned()], command)
        return
    if torch is None:
        sys.exit("bench:cuda: this Python has no PyTorch")
    if not options.emulate and not torch.cuda.is_available():
        print("bench:cuda: skipped, PyTorch sees no GPU here; nothing has been measured")
        return
    plan = planned(options.emulate)
    wanted = [options.only.lower() in f"{row['name']} {row['against']}".lower() for row in plan]
    if not any(wanted):
        sys.exit(f"--only {options.only}: no row has this in its name")
    from kernels import Kernels, find_nvcc
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    kernels, clock = Kernels(options.emulate, poison=False), Clock(options.emulate)
    machine = None
    if not options.emulate:
        nvcc = subprocess.run([find_nvcc(), "--version"], capture_output=True, text=True).stdout.strip().splitlines()[-1]
        machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda, "nvcc": nvcc}
    before = measured_before(options.out, machine) if options.only or options.missing else {}
    rows = []
    asked = set()
    for i, (row, is_wanted) in enumerate(zip(plan, wanted)):
        earlier = before.get((row["name"], row["against"]))
        if is_wanted and not (options.missing and earlier):
            asked.add(i)
        rows.append(earlier or {**row, "measured": None, "reason": NOT_REACHED if is_wanted else "not asked for"})
    save = (lambda rows: None) if options.emulate else lambda rows: write(options.out, machine, rows, command)
    measure_all(rows, asked, kernels, clock, options.emulate, save)
    if options.emulate:
        refused = [i for i in asked if rows[i]["measured"] is None]
        print(f"bench:cuda: {len(asked)} rows tried on the emulator, {len(refused)} refused; nothing has been measured")
        sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
