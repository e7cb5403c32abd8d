"""Where the bench was run: machine, versions, threads. Figures without these say nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC"
PEERS = {"torch": "torch", "torch-loop": "torch", "jax": "jax"}  # contestant -> the package it needs


def environment(threads: int) -> dict[str, str]:
    """What makes NumPy's BLAS, PyTorch and JAX work on so many threads, when a process starts with it."""
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    return dict.fromkeys(THREADS, str(threads)) | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}


def missing(peer: str) -> str:
    """Why a peer cannot take part, or nothing."""
    package = PEERS.get(peer)
    return f"{package} is not installed" if package and util.find_spec(package) is None else ""


def description(threads: int, packages: list[str]) -> dict[str, Any]:
    """The machine as plain data. `blas_threads` is what the library itself says, where threadpoolctl is there to ask it."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {name: metadata.version(name) for name in ("numpy", *packages)}
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "blas": f"{blas['name']} {blas['version']}",
        "threads": threads,
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "blas_threads": _blas_threads(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """The description as one line."""
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"
    versions = [f"Python {machine['python']}", *(f"{name} {version}" for name, version in machine["versions"].items()), machine["blas"]]
    said = "" if machine["blas_threads"] is None else f" (BLAS says {machine['blas_threads']})"
    return f"{where}; {', '.join(versions)}; {machine['threads']} thread{'s' if machine['threads'] > 1 else ''}{said}"


def _processor() -> str:
    """The processor's own name where the system tells it."""
    file = Path("/proc/cpuinfo")
    if sys.platform == "linux" and file.is_file():
        rows = dict(line.split(":", 1) for line in file.read_text(encoding="utf-8").splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in rows.items()}
        family = f" (family {named['cpu family']}, model {named['model']})" if {"cpu family", "model"} <= set(named) else ""
        return named.get("model name", platform.machine()) + family
    return platform.processor() or platform.machine()


def _blas_threads() -> int | None:
    if util.find_spec("threadpoolctl") is None:
        return None
    from threadpoolctl import threadpool_info  # an extra, asked for here alone

    counts = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(counts, default=None)
