"""The CUDA kernels of src/kernels/tensorflow/native/cuda for Python: compiled, loaded with ctypes, called with PyTorch tensors.

Where there is no GPU the same sources run on the emulator of this folder, on CPU tensors.
"""
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src/kernels/tensorflow/native/cuda"
EMULATOR = ROOT / "test/cuda/emulator"
TYPES = {"int64_t": ctypes.c_int64, "float": ctypes.c_float, "int": ctypes.c_int}
GUARD = 64  # Elements before and behind an output that must stay as they are.


def find_nvcc():
    for nvcc in (os.environ.get("NVCC"), shutil.which("nvcc"), "/usr/local/cuda/bin/nvcc"):
        if nvcc and os.path.exists(nvcc):
            return nvcc
    return None


def build(emulate, architectures=None):
    """Compiles the sources to a shared object, kept by the hash of what it was made from; returns its path."""
    units = sorted(SOURCES.glob("*.cu"))
    if emulate:
        command = ["g++", "-std=c++17", "-O2", "-Wall", "-Wno-unknown-pragmas", f"-I{EMULATOR}", "-fPIC", "-x", "c++"]
    else:
        nvcc = find_nvcc()
        if nvcc is None:
            raise RuntimeError("nvcc is not found: set NVCC or PATH")
        if architectures is None:
            major, minor = torch.cuda.get_device_capability()
            architectures = [f"{major}{minor}"]
        command = [nvcc, "-std=c++17", "-O3", "-lineinfo", "-Xcompiler", "-fPIC"]
        command += [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
    digest = hashlib.sha256(" ".join(command).encode())
    headers = [*sorted(SOURCES.glob("*.cuh")), SOURCES / "launchers.h", SOURCES.parent / "half_bits.h"]
    for file in [*units, *headers, EMULATOR / "cuda_runtime.h"]:
        digest.update(file.read_bytes())
    folder = ROOT / ".cache/cuda"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / f"{'emulated' if emulate else 'kernels'}_{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        objects = [Path(scratch) / f"{unit.stem}.o" for unit in units]
        running = []
        for unit, target in zip(units, objects):
            running.append((unit, subprocess.Popen([*command, "-c", str(unit), "-o", str(target)],
                                                   stderr=subprocess.PIPE, text=True)))
        for unit, process in running:
            _, errors = process.communicate()
            if errors:
                print(errors, file=sys.stderr)
            if process.returncode != 0:
                raise RuntimeError(f"{unit.name} does not compile")
        linker = "g++" if emulate else command[0]
        beside = Path(scratch) / "library.so"
        subprocess.run([linker, "-shared", *map(str, objects), "-o", str(beside)], check=True)
        beside.rename(library)
    return library


def shifted(tensor):
    """A copy that begins one element past an aligned address."""
    copy = torch.empty(tensor.numel() + 1, dtype=tensor.dtype, device=tensor.device)[1:].view(tensor.shape)
    return copy.copy_(tensor)


class Kernels:
    """`kernels.rms_norm(x, weight, y, n, d, epsilon)`: tensors as pointers, workspace and stream are added."""

    def __init__(self, emulate=False, poison=True):
        self.emulate = emulate
        self.poison = poison  # Workspaces: not while time is measured.
        self.shifted = False  # Whether tensors are passed as copies that begin one element past an aligned address.
        self.device = torch.device("cpu" if emulate else "cuda")
        self.library = ctypes.CDLL(str(build(emulate)))
        self.parameters = {}
        header = re.sub(r"/\*.*?\*/", "", (SOURCES / "launchers.h").read_text(), flags=re.S)
        for result, name, text in re.findall(r"(\w+) (mapl_\w+)\(([^)]*)\);", header):
            parameters = [" ".join(p.split()) for p in text.split(",")]
            function = getattr(self.library, name)
            function.restype = ctypes.c_int64 if result == "int64_t" else ctypes.c_int
            function.argtypes = [TYPES.get(p.rsplit(" ", 1)[0], ctypes.c_void_p) for p in parameters]
            self.parameters[name] = [p.rsplit(" ", 1)[1].lstrip("*") for p in parameters]

    def names(self):
        return [name[5:] for name in self.parameters if not name.endswith("_workspace")]

    def __getattr__(self, short):
        name = f"mapl_{short}"
        function = getattr(self.library, name)
        parameters = self.parameters[name]
        sizes = self.parameters.get(f"{name}_workspace")
        stream = None if self.emulate else torch.cuda.current_stream().cuda_stream

        def call(*arguments):
            given = [p for p in parameters if p not in ("workspace", "stream")]
            if len(given) != len(arguments):
                raise TypeError(f"{short} takes {given}, got {len(arguments)} arguments")
            values = dict(zip(given, arguments))
            if sizes is not None:
                needed = getattr(self.library, f"{name}_workspace")(*[values[p] for p in sizes])
                values["workspace"] = torch.empty((max(16, needed),), dtype=torch.uint8, device=self.device)
                if self.poison:
                    values["workspace"].fill_(255)  # As floats these bytes are NaN.
            values["stream"] = stream
            copies = {p: shifted(v) for p, v in values.items() if self.shifted and p != "workspace" and isinstance(v, torch.Tensor)}
            originals = {p: values[p] for p in copies}
            values.update(copies)
            raw = [values[p].data_ptr() if isinstance(values[p], torch.Tensor) else values[p] for p in parameters]
            error = function(*raw)
            if error != 0:
                raise RuntimeError(f"{short}: CUDA error {error}")
            for p, copy in copies.items():
                originals[p].copy_(copy)

        return call

    def status(self, short, *arguments):
        """The error code of a call, for arguments that are to be refused."""
        try:
            getattr(self, short)(*arguments)
        except RuntimeError as error:
            return int(str(error).rsplit(" ", 1)[1])
        return 0


class Output:
    """Memory for a result, poisoned, between guards."""

    def __init__(self, shape, dtype, device):
        self.shape = shape
        self.poison = -(1 << 24) if dtype == torch.int32 else float("nan")
        count = 1
        for size in shape:
            count *= size
        self.memory = torch.full((count + 2 * GUARD,), self.poison, dtype=dtype, device=device)
        self.tensor = self.memory[GUARD:GUARD + count].view(shape)

    def guards_hold(self):
        around = torch.cat([self.memory[:GUARD], self.memory[len(self.memory) - GUARD:]])
        if self.memory.dtype == torch.int32:
            return bool((around == self.poison).all())
        return bool(around.isnan().all())
