"""What the measuring process can be asked for: each task takes a request as plain data and gives its report as plain data.

A request names the model, the sizes (`--sizes`), the contestants, dtype, rounds and threads. Contestants that cannot take part are in the
report with the reason; so are those whose loss or gradients differ from the reference, which are not timed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnsym import library
from rnnsym.backends.live import compile_module
from rnnsym.bench import CONTESTANTS, growth, limit, machine, stream, training
from rnnsym.bench.cases import Case, cases, scales
from rnnsym.bench.contest import TOLERANCES, Contestant, Gradients, Timing, disagreement, race
from rnnsym.bench.peers.layers import find_layers
from rnnsym.bench.profile import profile
from rnnsym.bench.schedule import Plan, plan
from rnnsym.live import compile, compile_with_kernels, generate

OURS = "rnnsym"
WRONG = 0.1  # of an array, relative to its largest entry: no rounding
Built = Contestant | str  # a contestant, or why there is none


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """Training steps: the module beside the bare products, the naive module and the peers."""
    system = library.load(request["model"])
    module, schedule = compile(system), plan(system)
    rows = []
    for scale in scales(system, request["sizes"]):
        case = cases(system, module, scale, request["dtype"])
        rows.append(_row(case, module, schedule, request))
    packages = sorted({p for name in request["against"] if (p := machine.PEERS.get(name)) and not machine.missing(name)})
    return {"model": system.name, "rows": rows} | _heading(request, packages)


def _row(case: Case, module: Any, schedule: Plan, request: dict[str, Any]) -> dict[str, Any]:
    reference = training.result(module, case, np.float64)
    ready: list[Contestant] = []
    absent: dict[str, str] = {}
    errors: dict[str, float] = {}
    for name in ("limit", OURS, *(n for n in CONTESTANTS[1:])):
        if name != OURS and name not in request["against"]:
            continue
        _progress(f"{case.scale.name}: {name}")
        built = BUILDERS[name](case, module, schedule, request["threads"])
        if isinstance(built, str):
            absent[name] = built
            continue
        if built.result is not None:
            errors[name], whose = disagreement(built.result(), reference)
            if errors[name] > TOLERANCES[case.dtype] and errors[name] > (allowed := _allowed(case, reference)):
                absent[name] = f"not timed: {whose} differs by {errors[name]:.1e}, allowed {allowed:.0e}"
                continue
        ready.append(built)
    _progress(f"{case.scale.name}: timing")
    timings = race(ready, request["rounds"], errors)
    found = limit.products(schedule, case.scale.sizes)
    return {
        "scale": case.scale.name,
        "sizes": dict(case.scale.sizes),
        "products": [{"role": p.role, "product": p.text, "shape": p.shape, "flops": p.flops} for p in found],
        "contestants": [_measured(t, timings) for t in timings],
        "absent": absent,
    }


def _allowed(case: Case, reference: tuple[float, Gradients]) -> float:
    """How far a result may be from that in double precision: also three times as far as the equations as they stand, which may be
    sensitive to rounding (gates that are exponentials), but never so far that a wrong gradient would pass.
    """
    plain = compile_module(generate(case.system, level=0), case.system.name)
    own, _ = disagreement(training.result(plain, case), reference)
    return max(TOLERANCES[case.dtype], min(3 * own, WRONG) if np.isfinite(own) else 0)


def _measured(timing: Timing, timings: tuple[Timing, ...]) -> dict[str, Any]:
    low, middle, high = (float(v) for v in np.percentile(timing.seconds, (25, 50, 75)))
    first = timings[0]
    to_limit = dict(zip(("lower", "median", "upper"), timing.ratios(first), strict=True)) if first.name in ("limit", "products") else None
    ours = next((t for t in timings if t.name == OURS), None)
    return {
        "name": timing.name,
        "seconds": {"best": min(timing.seconds), "lower": low, "median": middle, "upper": high},
        "to_limit": to_limit,
        "to_rnnsym": dict(zip(("lower", "median", "upper"), timing.ratios(ours), strict=True)) if ours else None,
        "error": timing.error,
    }


def streaming(request: dict[str, Any]) -> dict[str, Any]:
    """One step of the recurrences alone, beside its matrix-vector products."""
    system = stream.recurrences(library.load(request["model"]))
    module, schedule = compile(system), plan(system)
    rows = []
    for scale in scales(system, request["sizes"]):
        case = cases(system, module, scale, request["dtype"])
        bare = stream.products(case, schedule)
        timings = race([*([bare] if bare else []), stream.step(case, module)], request["rounds"])
        rows.append({"scale": scale.name, "sizes": dict(scale.sizes), "contestants": [_measured(t, timings) for t in timings]})
    return {"model": system.name, "rows": rows} | _heading(request, [])


def growing(request: dict[str, Any]) -> dict[str, Any]:
    """Training steps while T and B double."""
    system = library.load(request["model"])
    rows = growth.with_steps_and_sequences(system, compile(system), request["sizes"], request["dtype"], request["rounds"])
    return {"model": system.name, "rows": rows} | _heading(request, [])


def generating(request: dict[str, Any]) -> dict[str, Any]:
    """Making modules of more and more equations."""
    return {"rows": growth.with_equations(growth.LAYERS, min(3, request["rounds"]))} | _heading(request, [])


def profiling(request: dict[str, Any]) -> dict[str, Any]:
    """Where the time of a training step goes."""
    system = library.load(request["model"])
    source, rows = generate(system), []
    for scale in scales(system, request["sizes"]):
        case = cases(system, compile(system), scale, request["dtype"])
        once = training.contestant("", case, compile(system)).step

        def run(module: Any, case: Case = case) -> None:
            step = training.contestant("", case, module).step
            for _ in range(request["rounds"]):
                step()

        once()
        lines = profile(source, system.name, run, request["rounds"])
        rows.append({"scale": scale.name, "sizes": dict(scale.sizes), "lines": [vars(line) for line in lines]})
    return {"model": system.name, "rows": rows} | _heading(request, [])


def _heading(request: dict[str, Any], packages: list[str]) -> dict[str, Any]:
    """What every report says besides its rows."""
    about = machine.description(request["threads"], packages)
    return {"dtype": request["dtype"], "rounds": request["rounds"], "machine": about}


def _progress(sentence: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{sentence} …", end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- contestants


def _limit(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    return limit.contestant(case, schedule) or "the model has no matrix product that all sequences share"


def _ours(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    return training.contestant(OURS, case, module)


def _kernels(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    compiled = compile_with_kernels(case.system)
    if compiled is None or compiled.kernels_for(case.dtype) is None:
        return "the model has no loop to compile, or no C compiler is found"
    return training.contestant("kernels", case, compiled)


def _naive(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    return training.contestant("naive", case, compile_module(generate(case.system, level=0), case.system.name))


def _torch(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    reason = machine.missing("torch")
    layers, why = find_layers(schedule)
    if not layers:
        return f"PyTorch has no such cell: {why}"
    return reason or _pytorch(threads).contestant("torch", case, schedule, layers)


def _torch_loop(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    return machine.missing("torch-loop") or _pytorch(threads).contestant("torch-loop", case, schedule)


def _pytorch(threads: int) -> Any:
    """PyTorch's part of the bench, with its own number of threads set; imported only where it is wanted, because it may not be there."""
    import torch

    from rnnsym.bench.peers import pytorch

    torch.set_num_threads(threads)
    return pytorch


def _jax(case: Case, module: Any, schedule: Plan, threads: int) -> Built:
    reason = machine.missing("jax")
    if reason:
        return reason
    from rnnsym.bench.peers import jax_scan  # only where it is wanted, because it may not be there

    return jax_scan.contestant("jax", case, schedule)


BUILDERS: dict[str, Callable[[Case, Any, Plan, int], Built]] = {
    "limit": _limit,
    OURS: _ours,
    "kernels": _kernels,
    "naive": _naive,
    "torch": _torch,
    "torch-loop": _torch_loop,
    "jax": _jax,
}
