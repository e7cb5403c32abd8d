"""Modules with compiled kernels: they compute what NumPy computes, and NumPy works alone where nothing can be compiled."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import rnnsym
from rnnsym.algebra.system import System
from rnnsym.live import generate_with_kernels

LIBRARY = sorted((Path(rnnsym.__file__).parent / "models").glob("*.rnn"))
CELLS = sorted((Path(__file__).parents[1] / "cells").glob("*.rnn"))
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="no C compiler is installed")


def written(system: System, folder: Path) -> Path:
    module, source = generate_with_kernels(system, f"{system.name}_kernels.c")
    (folder / f"{system.name}_kernels.c").write_text(source)
    path = folder / f"{system.name}.py"
    path.write_text(module)
    return path


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"compiled_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(module: ModuleType, sizes: dict[str, int], rng: np.random.Generator, steps: int, batch: int) -> dict[str, np.ndarray]:
    found = {}
    for name, (kind, timed, shape) in module.DATA.items():
        lead = () if kind == "constant" else (steps, batch) if timed else (batch,)
        lengths = tuple(module.length_of(axis, sizes) for axis in shape)
        if kind == "token":
            found[name] = rng.integers(0, lengths[0], lead)
        elif name not in module.FIXED:
            found[name] = rng.uniform(0.1, 0.9, lead + lengths)
    return found


def difference(system: System, folder: Path, dtype: type, one: bool = False) -> float:
    """The largest relative difference between the module with kernels and without, in cost and gradients; lengths included."""
    module = loaded(written(system, folder))
    sizes = {name: 1 if one else 3 + k for k, name in enumerate(module.SIZES)}
    rng = np.random.default_rng(5)
    params = module.init_params(**sizes, rng=1, dtype=dtype)
    params.vector[...] += rng.normal(0, 0.3, params.vector.shape).astype(dtype)
    steps, batch = (1, 1) if one else (6, 5)
    data = arguments(module, sizes, rng, steps, batch)
    lengths = None if one else rng.integers(1, steps + 1, batch)
    if not any(timed for _, timed, _ in module.DATA.values()):
        data["steps"] = steps
    kernels = module.kernels_for(np.dtype(dtype))
    assert kernels is not None, "the kernels were not built"
    results = []
    for chosen in (None, kernels):
        module.kernels_for = lambda dtype, chosen=chosen: chosen
        with np.errstate(all="ignore"):
            loss, grads, _ = module.loss_and_grads(params, **data, lengths=lengths)
        results.append(np.append(grads.vector, loss))
    plain, compiled = results
    finite = np.isfinite(plain)
    assert np.array_equal(plain[~finite], compiled[~finite], equal_nan=True)
    return float(np.max(np.abs(plain - compiled)[finite] / np.maximum(1, np.abs(plain[finite])), initial=0))


@needs_compiler
@pytest.mark.parametrize("name", ["lstm", "gru", "slstm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_compute_what_numpy_computes(name, dtype, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert difference(rnnsym.load(name), tmp_path, dtype) < (1e-4 if dtype is np.float32 else 1e-12)


WORDS = {
    "sum": "u + v", "difference": "u - v", "product": "u * v", "quotient": "u / v", "negative": "-u", "square": "u**2",
    "root": "sqrt(u)", "exp": "exp(u)", "tanh": "tanh(u)", "sigmoid": "sigmoid(u)", "complement": "1 - sigmoid(u)", "relu": "relu(u)",
    "abs": "abs(u)", "sign": "sign(u)", "max": "max(u, v)", "min": "min(u, v)", "less": "u if u < v else 3", "at most": "u if u <= v else 3",
    "greater": "u if u > v else 3", "at least": "u if u >= v else 3", "number": "0.123456789 * u", "lowest": "max(u, -inf)", "bound": "min(u, -2)",
    "per sequence": "u * q[t]", "parameter": "u * w", "earlier": "max(u, h_sum[t-1]) - h_sum[t-2]", "size": "u / n",
}  # fmt: skip
SPECIAL = [-np.inf, -1e30, -100.0, -9.0, -2.0, -0.5, 0.0, 1e-12, 0.5, 2.0, 9.0, 88.0, 100.0, 1e30, np.inf, np.nan]


def words() -> System:
    """A loop with an equation for each word: all read z, which is zero at every step and reads them all."""
    lines = ["x: input[n]", "y: input[n]", "q: input", "w: param[n]", "z: vector[n]", "s: vector[n]"]
    for name, text in WORDS.items():
        label = f"h_{name.replace(' ', '_')}"
        lines.append(f"{label}: vector[n]")
        lines.append(f"{label}[t] = " + re.sub(r"\bv\b", "(y[t] + z[t-1])", re.sub(r"\bu\b", "(x[t] + z[t-1])", text)))
    lines.append("s[t] = " + " + ".join(f"h_{name.replace(' ', '_')}[t]" for name in WORDS))
    lines.append("z[t] = 0.5 * z[t-1] if s[t] > 0 else 0.25 * z[t-1]")
    return rnnsym.parse("\n".join(lines) + "\n", name="words")


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_word_on_special_values(dtype, tmp_path, monkeypatch):
    """Infinities, nan, ties, what overflows; at two steps, for several sequences with numbers of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = loaded(written(words(), tmp_path))
    pairs = np.array([(a, b) for a in SPECIAL for b in SPECIAL], dtype)
    x, y = (np.stack([column.reshape(2, -1).T, column.reshape(2, -1)[::-1].T, column.reshape(2, -1).T]) for column in pairs.T)
    x, y = x.transpose(0, 2, 1), y.transpose(0, 2, 1)
    q = np.array([[0.3, -1.7]] * 3, dtype)
    params = module.Params.from_arrays({"w": np.linspace(-1, 1, x.shape[2]).astype(dtype)})
    kernels = module.kernels_for(np.dtype(dtype))
    traces = []
    for chosen in (None, kernels):
        module.kernels_for = lambda dtype, chosen=chosen: chosen
        with np.errstate(all="ignore"):
            traces.append(module.forward(params, x=x, y=y, q=q))
    assert kernels is not None
    for name in (f"h_{name.replace(' ', '_')}" for name in WORDS):
        plain, compiled = traces[0][name], traces[1][name]
        assert compiled.dtype == dtype
        np.testing.assert_allclose(compiled, plain, rtol=4e-7 if dtype is np.float32 else 1e-15, atol=1e-38, err_msg=name)


@needs_compiler
def test_exp_and_tanh_of_floats_are_as_accurate_as_is_said(tmp_path, monkeypatch):
    """In units of the last place, against doubles."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lines = ["x: input[n]", *(f"{name}: vector[n]" for name in "zefs"), "e[t] = exp(x[t] + z[t-1])", "f[t] = tanh(x[t] + z[t-1])"]
    lines += ["s[t] = e[t] + f[t]", "z[t] = 0.5 * z[t-1] if s[t] > 0 else 0.25 * z[t-1]"]
    module = loaded(written(rnnsym.parse("\n".join(lines) + "\n", name="grid"), tmp_path))
    x = np.linspace(-20, 20, 100_001, dtype=np.float32)
    assert module.kernels_for(np.dtype(np.float32)) is not None
    trace = module.forward(module.init_params(n=x.size, dtype=np.float32), x=x[None, None])
    for found, function, ulps in ((trace.e, np.exp, 1.2), (trace.f, np.tanh, 5)):
        wanted = function(x.astype(float))
        assert np.max(np.abs(found[0, 0] - wanted) / np.spacing(np.abs(wanted).astype(np.float32))) < ulps


@needs_compiler
def test_what_is_seen_whole_between_kernels_is_handed_on(tmp_path, monkeypatch):
    """A product that only a mean reads, at the same step: no array of all steps holds it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = "x: input[n]\nz: vector[n]\nm[t] = mean(x[t] * (z[t-1] + 1))\nz[t] = x[t] - m[t]\n"
    module = loaded(written(rnnsym.parse(text, name="whole"), tmp_path))
    x = np.random.default_rng(1).standard_normal((4, 3, 5))
    assert module.kernels_for(x.dtype) is not None
    trace, z = module.forward(module.init_params(n=5, dtype=float), x=x), np.zeros((3, 5))
    for step in range(4):
        z = x[step] - (x[step] * (z + 1)).mean(1, keepdims=True)
        assert np.allclose(trace.z[step], z, atol=1e-14, rtol=0)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("path", [*LIBRARY, *CELLS], ids=lambda path: path.stem)
def test_kernels_of_every_model(path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    system = rnnsym.load(str(path))
    if "run.kernels.bind(" not in generate_with_kernels(system, "x.c")[0]:
        pytest.skip(f"{path.stem} has no loop with entrywise parts")
    assert difference(system, tmp_path, np.float64) < 1e-11
    assert difference(system, tmp_path, np.float64, one=True) < 1e-11


@needs_compiler
def test_the_c_file_compiles_without_a_warning(tmp_path):
    written(rnnsym.load("slstm"), tmp_path)
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-O1", "-c", "-o", "x.o", "slstm_kernels.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_without_a_compiler_numpy_works_alone_and_one_line_says_so(tmp_path):
    written(rnnsym.load("elman"), tmp_path)
    program = (
        "import elman, numpy as np\n"
        "p = elman.init_params(n_x=2, n_h=3, n_y=2, rng=0)\n"
        "for _ in range(2): elman.loss_and_grads(p, x=np.ones((4, 1, 2)), y=np.zeros((4, 1), int))\n"
    )
    environment = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "elman: no C compiler found (CC, cc, gcc, clang); NumPy works alone\n"


@needs_compiler
def test_kernels_that_compute_something_else_are_not_used(tmp_path):
    path = written(rnnsym.load("elman"), tmp_path)
    source = path.with_name("elman_kernels.c")
    source.write_text(source.read_text().replace("= NAME(", "= 0.9f * NAME("))
    program = "import elman, numpy as np; print(elman.kernels_for(np.dtype('f4')))"
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "None\n" and "do not agree with NumPy on a sample" in done.stderr, done.stderr


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 5, 16, 33])
def test_functions_along_vectors_agree_with_numpy(dtype, batch, tmp_path):
    """Softmax, its loss and its error, and the turning of vectors: also for infinite and huge logits, and where there is no class."""
    module = loaded(written(rnnsym.load("lstm"), tmp_path))
    kernels, rng = module.kernels_for(dtype), np.random.default_rng(batch)
    z = (rng.standard_normal((6, 7, batch)) * rng.choice([1e-3, 1, 30, 1e4], (6, 1, batch))).astype(dtype)
    z[0, 2, 0], z[1, :, 0], z[2, 3, 0], z[3, 1, 0] = -np.inf, 0.5, np.nan, np.inf
    y = rng.integers(-1, 7, (6, batch))
    bound = 1e-5 if dtype == np.float32 else 1e-13
    with np.errstate(all="ignore"):
        p, compiled = (f.softmax_rows(z, -2, out=np.empty_like(z)) for f in (module.NumPy, kernels))
        np.testing.assert_allclose(compiled, p, rtol=bound, atol=bound)
        exact = -np.take_along_axis(log_softmax(z.astype(np.float64)), np.maximum(y, 0)[:, None], 1)[:, 0]
        loss = kernels.softmax_loss(y, z, -2, p)
        finite = np.isfinite(z).all(1)
        np.testing.assert_allclose(loss[finite], np.where(y >= 0, exact, 0)[finite], rtol=bound, atol=np.finfo(dtype).tiny)
        excess, expected = (f.excess(p, y, out=np.empty_like(p)) for f in (kernels, module.NumPy))
        assert np.array_equal(excess, expected, equal_nan=True) or np.isnan(p).any()
        assert np.array_equal(excess[3:], expected[3:], equal_nan=True)
    flat = kernels.flatten(z, np.empty((7, 6, batch), dtype))
    assert np.array_equal(flat, z.swapaxes(0, 1), equal_nan=True)
    assert np.array_equal(flat, module.flatten(z, np.empty((7, 6, batch), dtype)), equal_nan=True)


def log_softmax(z: np.ndarray) -> np.ndarray:
    """In double precision, the sum without its largest term, so that a loss near 0 has all its digits."""
    top = z.argmax(1)[:, None]
    lowered = z - np.take_along_axis(z, top, 1)
    terms = np.exp(lowered)
    np.put_along_axis(terms, top, 0, 1)
    return lowered - np.log1p(terms.sum(1, keepdims=True))
