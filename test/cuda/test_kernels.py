"""Tests the CUDA kernels against PyTorch in float64: `python test_kernels.py [--emulate] [--filter text] [--seed n] [--sanitized]`.

Each case runs twice into poisoned memory between guards: nothing outside may change, both runs give the same bits. On a GPU
the run ends with compute-sanitizer's memcheck and racecheck over the small shapes, where it is installed.
"""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from cases import FAMILIES, Inputs
from kernels import Kernels, Output, find_nvcc


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
    for _ in range(2):
        outputs = [Output(tuple(shape), case.dtype, kernels.device) for shape in case.shapes]
        case.run(kernels, [output.tensor for output in outputs])
        if not kernels.emulate:
            torch.cuda.synchronize()
        if not all(output.guards_hold() for output in outputs):
            return "writes outside of its output", float("inf")
        runs.append([output.tensor for output in outputs])
    errors = [error_of(actual, expected) for actual, expected in zip(runs[0], case.expected)]
    if max(errors) > case.tolerance:
        return f"errors {errors}, at most {case.tolerance} allowed", max(errors)
    for first, second in zip(*runs):
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
    codes = torch.full((1, 2, 1), 5, dtype=torch.int32, device=device)
    nans = torch.full((2, 2), float("nan"), device=device)
    kernels.rvq_encode(nans, make.normal(1, 1, 4, 2), codes, 2, 1, 1, 4, 2)
    expect(codes.flatten().tolist() == [0, 0], "rvq_encode: 0 for NaN")
    q = make.normal(1, 1, 2, 300)
    expect(kernels.status("causal_attention", q, q, q, q.clone(), out(2), 1, 1, 1, 2, 2, 300, 1.0) == 1, "attention: limit of width")
    big = out(4)
    expect(kernels.status("rms_norm", big, big, big, 1, 40000, 1e-5) == 1, "rms_norm: limit of width")
    expect(kernels.status("rms_norm", big, big, big, 0, 4, 1e-5) == 0, "rms_norm: no rows")
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
    failed = []
    for check_name in ("memcheck", "racecheck"):
        command = [tool, f"--tool={check_name}", "--error-exitcode=9", sys.executable, __file__, "--sanitized"]
        result = subprocess.run(command, capture_output=True, text=True, env=environment)
        print(f"compute-sanitizer {check_name}: {'clean' if result.returncode == 0 else 'FAILED'}")
        if result.returncode != 0:
            print((result.stdout + result.stderr)[-6000:])
            failed.append(check_name)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emulate", action="store_true", help="on the CPU, small shapes")
    parser.add_argument("--sanitized", action="store_true", help="on the GPU, small shapes, without compute-sanitizer")
    parser.add_argument("--filter", default="", help="kernels whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not options.emulate and not torch.cuda.is_available():
        print("test:cuda: skipped, PyTorch sees no GPU here (--emulate runs the kernels on the CPU)")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = False
    kernels = Kernels(options.emulate)
    failed = count = 0
    seen, worst = set(), {}
    small = options.emulate or options.sanitized
    for family in FAMILIES:
        for case in family(Inputs(kernels.device, options.seed), small):
            if options.filter not in case.kernel:
                continue
            why, error = check(case, kernels)
            count += 1
            seen.add(case.kernel)
            worst[case.kernel] = max(worst.get(case.kernel, 0), error)
            if why is not None:
                failed += 1
                print(f"FAILED {case.kernel} {case.name}: {why}")
    if not options.filter:
        for what in check_behaviour(kernels, kernels.device):
            failed += 1
            print(f"FAILED {what}")
        missing = set(kernels.names()) - seen
        if missing:
            failed += 1
            print(f"FAILED: no cases for {sorted(missing)}")
    for name, error in worst.items():
        print(f"{name}: largest error {error:.1e}")
    if not small:
        failed += len(sanitize())
    where = "the emulator" if options.emulate else torch.cuda.get_device_name()
    print(f"CUDA kernels on {where}: {count} cases, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
