"""Tests the CUDA kernels against PyTorch in float64: `python test/cuda/test_kernels.py`, of which --help tells the flags.

Each case runs twice into poisoned memory between guards: nothing outside may change, both runs give the same bits; then once
with tensors at odd addresses. On a GPU the run ends with tensors of more than 2³¹ elements, where they fit, and with
compute-sanitizer's memcheck and racecheck over the small shapes, where it is installed.
"""
import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch

from cases import FAMILIES, Inputs, causal_attention
from kernels import Kernels, Output, find_nvcc

SANITIZER_SECONDS = 240


def error_of(actual, expected):
    """Largest difference relative to the largest value of the reference; infinite where only one of them is finite."""
    if actual.dtype == torch.int32:
        return float((actual != expected).sum())
    actual = actual.double()
    both_infinite = actual == expected
    difference = torch.where(both_infinite, 0.0, (actual - expected).abs())
    difference = torch.where(difference.isnan(), float("inf"), difference)
    finite = expected[expected.isfinite()]
    largest = max(0.1, float(finite.abs().max())) if finite.numel() else 1.0
    return float(difference.max()) / largest if difference.numel() else 0.0


def check(case, kernels):
    """Why the case fails, or None; and its error."""
    runs = []
    for kernels.shifted in (False, False, True):
        outputs = [Output(tuple(shape), case.dtype, kernels.device) for shape in case.shapes]
        case.run(kernels, [output.tensor for output in outputs])
        if not kernels.emulate:
            torch.cuda.synchronize()
        if not all(output.guards_hold() for output in outputs):
            return "writes outside of its output", float("inf")
        runs.append([output.tensor for output in outputs])
    for where, run in (("", runs[0]), (" at odd addresses", runs[2])):
        errors = [error_of(actual, expected) for actual, expected in zip(run, case.expected)]
        if max(errors) > case.tolerance:
            return f"errors {errors}{where}, at most {case.tolerance} allowed", max(errors)
    for first, second in zip(*runs[:2]):
        if not torch.equal(first.view(torch.int32), second.view(torch.int32)):
            return "two runs differ", max(errors)
    return None, max(errors)


def check_behaviour(kernels, device):
    """What tables of shapes do not show: NaN, ids out of range, limits."""
    make = Inputs(device, 9)
    failures = []

    def expect(condition, what):
        if not condition:
            failures.append(what)

    out = lambda *shape: torch.zeros(shape, device=device)
    x = make.normal(2, 3)
    x[0, 1] = float("nan")
    y = out(2, 3)
    kernels.rms_norm(x, make.normal(3), y, 2, 3, 1e-5)
    expect(bool(y[0].isnan().all()) and bool(y[1].isfinite().all()), "rms_norm: NaN stays in its row")
    loss, lse = out(2), out(2)
    kernels.sparse_cross_entropy(x, torch.tensor([0, 5], dtype=torch.int32, device=device), loss, lse, 2, 3)
    expect(bool(loss.isnan().all()) and bool(lse[1].isfinite()), "sparse_cross_entropy: NaN, target out of range")
    grad, goals = out(2, 3), torch.tensor([2, -1], dtype=torch.int32, device=device)
    kernels.sparse_cross_entropy_grad(make.normal(2, 3), goals, out(2), make.normal(2), grad, 2, 3)
    expect(grad.isfinite().all(-1).tolist() == [True, False], "sparse_cross_entropy_grad: NaN for a target out of range")
    sums = out(2, 3)
    for last, finite in ((1, True), (2, False), (-1, False)):
        ids = torch.tensor([0, 1, last], dtype=torch.int32, device=device)
        kernels.scatter_rows(make.normal(3, 3), ids, sums, 3, 2, 3)
        expect(bool(sums.isfinite().all()) == finite and bool(sums.isnan().any()) != finite, f"scatter_rows: id {last} of 2 segments")
    gate = torch.tensor([-1e4, -100.0, 100.0, 1e4], device=device)
    y = out(4)
    kernels.swiglu(gate, torch.ones(4, device=device), y, 4)
    expect(y.tolist() == [0, -0.0, 100, 1e4] or torch.allclose(y, gate.clamp(min=0), atol=1e-30), "swiglu: large values")
    ids = torch.tensor([1, -1, 7], dtype=torch.int32, device=device)
    z = out(3, 2)
    kernels.boundary_encode(make.normal(3, 4), ids, make.normal(4, 2), make.normal(5, 2), make.normal(2, 4), z, 3, 4, 2, 2, 5)
    expect(z.isnan().all(-1).tolist() == [False, True, True], "boundary_encode: ids out of range give NaN")
    y = make.normal(2, 5, 3)
    y[0, 1, 1] = float("nan")
    u = out(2, 5, 3)
    from cases import polar_coefficients
    import ctypes
    flat = (ctypes.c_float * 3)(*polar_coefficients(8, 0, 0)[-1])
    kernels.polar_factor(y, flat, 1, u, 2, 5, 3)
    expect(bool(u[0].isnan().all()) and bool(u[1].isfinite().all()), "polar_factor: NaN stays in its matrix")
    zeros = out(1, 5, 3)
    u = make.normal(1, 5, 3)
    kernels.polar_factor(zeros, flat, 1, u, 1, 5, 3)
    expect(bool((u == 0).all()), "polar_factor: zeros stay zeros")
    codes = torch.full((2, 3, 2), 5, dtype=torch.int32, device=device)
    z, books = make.normal(3, 4), make.normal(2, 2, 7, 2)
    z[1, 2] = float("inf")
    kernels.rvq_encode(z, books, codes, 3, 2, 2, 7, 2)
    expect((codes < 0).tolist() == [[[False, False], [False, True], [False, False]]] * 2, "rvq_encode: −1 for infinity in a row")
    books[1, 0, 6, 1] = float("nan")
    kernels.rvq_encode(z.clamp(-9, 9), books, codes, 3, 2, 2, 7, 2)
    expect((codes < 0).tolist() == [[[False] * 2] * 3, [[True, False]] * 3], "rvq_encode: −1 for NaN in a code")
    q = make.normal(1, 1, 2, 300)
    expect(kernels.status("causal_attention", q, q, q, q.clone(), out(2), 1, 1, 1, 2, 2, 300, 1.0) == 1, "attention: limit of width")
    big = out(4)
    expect(kernels.status("rms_norm", big, big, big, 1, 40000, 1e-5) == 1, "rms_norm: limit of width")
    expect(kernels.status("rms_norm", big, big, big, 0, 4, 1e-5) == 0, "rms_norm: no rows")
    return failures


def check_small_card(kernels):
    """A card whose blocks have 99 KiB of shared memory: other tiles, or a refusal."""
    failures = []
    os.environ["MAPL_EMULATOR_SHARED"] = str(99 << 10)
    for case in causal_attention(Inputs(kernels.device, 3), True):
        width = case.name[-1]
        try:
            why, _ = check(case, kernels)
        except RuntimeError as error:
            why = str(error)
        refused = case.kernel == "causal_attention_grad" and width > 128
        if (why == "causal_attention_grad: CUDA error 1") != refused or (why is not None and not refused):
            failures.append(f"{case.kernel} {case.name} with 99 KiB of shared memory: {why}")
    del os.environ["MAPL_EMULATOR_SHARED"]
    return failures


def find_sanitizer():
    """compute-sanitizer on the PATH, or in the toolkit that nvcc belongs to, which does not always link it."""
    nvcc = find_nvcc()
    toolkits = ["/usr/local/cuda"] if nvcc is None else [Path(nvcc).resolve().parents[1], "/usr/local/cuda"]
    places = ("bin/compute-sanitizer", "compute-sanitizer/compute-sanitizer", "extras/compute-sanitizer/compute-sanitizer")
    beside = (shutil.which(str(Path(toolkit) / place)) for toolkit in toolkits for place in places)
    return shutil.which("compute-sanitizer") or next(filter(None, beside), None)


def sanitize():
    """memcheck and racecheck over the small shapes; returns the names of those that found something."""
    tool = find_sanitizer()
    if tool is None:
        print("compute-sanitizer: not found beside nvcc, memcheck and racecheck SKIPPED")
        return []
    # Without PyTorch's pool each tensor is an allocation whose ends memcheck knows.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    # This package's kernels alone, whose names have the namespace in them; PyTorch probes CUDA with calls that fail.
    flags = ["--kernel-name=kns=mapl", "--launch-timeout=120", "--error-exitcode=9"]
    failed = []
    for check_name in ("memcheck", "racecheck"):
        more = ["--report-api-errors=no"] if check_name == "memcheck" else []
        command = [tool, f"--tool={check_name}", *flags, *more, sys.executable, __file__, "--small", "--sanitizer=no"]
        start = time.monotonic()
        try:
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                                    timeout=SANITIZER_SECONDS)
            why, output = None if result.returncode == 0 else f"exit code {result.returncode}", result.stdout
        except subprocess.TimeoutExpired as error:
            why, output = f"not done after {SANITIZER_SECONDS} s", (error.stdout or b"").decode(errors="replace")
        if why is None and re.search(r"SUMMARY: 0 (errors|hazards)", output) is None:
            why = "no summary without errors"
        print(f"compute-sanitizer {check_name}: {'clean' if why is None else 'FAILED'} ({time.monotonic() - start:.0f} s)")
        if why is not None:
            print(why, output[-6000:], sep="\n")
            failed.append(check_name)
    return failed


def check_large(kernels):
    """Tensors of more than 2³¹ elements: the last rows must be as those of a small call. What does not fit is skipped."""
    rows, failures = 3, []
    make = Inputs(kernels.device, 5)

    def compare(name, n, inputs, outputs, run):
        """`inputs`, `outputs`: shapes of a row each; `run([*inputs, *outputs], n)`."""
        sizes = [math.prod(shape) for shape in (*inputs, *outputs)]
        needed, free = 4 * n * sum(sizes), torch.cuda.mem_get_info()[0]
        if needed * 1.1 > free:
            print(f"{name}: {needed / 2**30:.0f} GiB for more than 2³¹ elements, SKIPPED ({free / 2**30:.0f} GiB are free)")
            return
        last = [make.normal(rows, *shape) for shape in inputs]
        wide = [torch.zeros(n, *shape, device=kernels.device) for shape in inputs]
        for tensor, end in zip(wide, last):
            tensor[-rows:] = end
        small, large = ([torch.full((count, *shape), math.nan, device=kernels.device) for shape in outputs] for count in (rows, n))
        run([*last, *small], rows)
        run([*wide, *large], n)
        torch.cuda.synchronize()
        if not all(torch.equal(a, b[-rows:]) for a, b in zip(small, large)):
            failures.append(f"{name}: wrong in the last of {n} rows")
        print(f"{name}: {n} rows, more than 2³¹ elements")
        del wide, large
        torch.cuda.empty_cache()

    n, d = (1 << 19) + rows, 4096
    weight = make.normal(d)
    compare("rms_norm", n, [(d,)], [(d,)], lambda t, n: kernels.rms_norm(t[0], weight, t[1], n, d, 1e-5))
    compare("swiglu", n, [(d,), (d,)], [(d,)], lambda t, n: kernels.swiglu(*t, n * d))
    cos, sin = make.normal(1, d // 2), make.normal(1, d // 2)
    compare("rotary_embedding", n, [(d,)], [(d,)], lambda t, n: kernels.rotary_embedding(t[0], cos, sin, t[1], n, 1, d))
    shared = (make.normal(d, 4), make.normal(5, 4), make.normal(4, d))
    ids = torch.arange(n, dtype=torch.int32, device=kernels.device).flip(0) % 5  # Of the last rows the same in both calls.
    compare("boundary_decode", n, [(4,)], [(d,)], lambda t, n: kernels.boundary_decode(t[0], ids[-n:], *shared, t[1], n, d, 4, 4, 5))
    v = 50256  # A multiple of 4, so that sums have the same order in both calls.
    n = (1 << 31) // v + rows
    targets = torch.full((n,), 7, dtype=torch.int32, device=kernels.device)
    compare("sparse_cross_entropy", n, [(v,)], [(), ()], lambda t, n: kernels.sparse_cross_entropy(t[0], targets, *t[1:], n, v))
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emulate", action="store_true", help="on the CPU, small shapes")
    parser.add_argument("--small", action="store_true", help="small shapes alone")
    parser.add_argument("--sanitizer", choices=("after", "only", "no"), default="after", help="compute-sanitizer's part of the run")
    parser.add_argument("--filter", default="", help="kernels whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # What is known outlives a run that is ended early.
    if not options.emulate and not torch.cuda.is_available():
        print("test:cuda: skipped, PyTorch sees no GPU here (--emulate runs the kernels on the CPU)")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = False
    kernels = Kernels(options.emulate)
    failed = count = 0
    if options.sanitizer != "only":
        count, failed = run_cases(kernels, options)
    if not options.emulate and options.sanitizer != "no":
        failed += len(sanitize())
    where = "the emulator" if options.emulate else torch.cuda.get_device_name()
    print(f"CUDA kernels on {where}: {count} cases, {failed} failures")
    return 1 if failed else 0


def run_cases(kernels, options):
    """How many cases there were and how many failed, which is printed."""
    failed = count = 0
    seen, worst = set(), {}
    small = options.emulate or options.small
    for family in FAMILIES:
        start = time.monotonic()
        for case in family(Inputs(kernels.device, options.seed), small):
            if options.filter not in case.kernel:
                continue
            try:
                why, error = check(case, kernels)
            except RuntimeError as problem:
                why, error = str(problem).splitlines()[0], math.inf
            count += 1
            seen.add(case.kernel)
            worst[case.kernel] = max(worst.get(case.kernel, 0), error)
            if why is not None:
                failed += 1
                print(f"FAILED {case.kernel} {case.name}: {why}")
        names = [name for name in worst if name in seen]
        for name in names:
            print(f"{name}: largest error {worst.pop(name):.1e}")
        if names and not small:
            print(f"  {time.monotonic() - start:.0f} s")
    kernels.shifted = False
    if not options.filter:
        failures = check_behaviour(kernels, kernels.device)
        failures += check_small_card(kernels) if kernels.emulate else []
        failures += [] if small else check_large(kernels)
        missing = set(kernels.names()) - seen
        failures += [f"no cases for {sorted(missing)}"] if missing else []
        for what in failures:
            failed += 1
            print(f"FAILED {what}")
    return count, failed


if __name__ == "__main__":
    sys.exit(main())
