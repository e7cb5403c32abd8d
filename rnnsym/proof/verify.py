"""Verify: why the gradients of a model are right, and how sure that is.

Comes in: a System. Goes out: a Report. The rules are proved for all sizes, their assembly is tested exactly over a finite field, the
generated module is measured; the first wrong equation is looked for in this order, for what is wrong earlier is wrong later too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import ModuleType

from rnnsym.algebra.system import Definition, System, require_system
from rnnsym.algebra.tensor import quantities
from rnnsym.calculus.adjoint import Adjoint, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.derivation import derive
from rnnsym.proof.deep import Deep, check_deeply
from rnnsym.proof.finite_field import Assembly, check_assembly, everything
from rnnsym.proof.measured import Measured, Measurement, measure
from rnnsym.proof.report import COMPUTED, MEASURED, PROVED, RIGHT, SKIPPED, TESTED, UNDECIDED, WRONG, Check, Fault, Report, counted, short
from rnnsym.proof.rules import RuleReport, prove, without_totals
from rnnsym.proof.witnesses import PEERS, Witness, heard


def verify(
    system: System,
    seed: int = 0,
    *,
    deep: bool = False,
    peers: Iterable[str] = (),
    module: ModuleType | None = None,
    joined: Adjoint | None = None,
    told: Callable[[str], None] | None = None,
) -> Report:
    """Prove, test and measure every gradient of a model: of parameters, inputs, constants, initial values.

    seed    of everything random
    deep    also differentiate the unrolled loss by `sympy.diff`, every entry; about a minute for an LSTM
    peers   `torch`, `jax`: their automatic differentiation as further witnesses
    module  what to measure instead of the generated module; joined: what to test instead of the derived adjoint equations
    told    is told what is done before it is done

    Raises UsageError where `system` is no System, the model has no cost, or no random arrays are found at which it is finite.

    >>> import rnnsym
    >>> report = verify(rnnsym.load("elman"))
    >>> report.outcome, [check.grade for check in report.checks][:4]
    ('right', ['proved', 'tested', 'computed', 'measured'])
    """
    system = require_system(system)
    say = told or (lambda sentence: None)
    joined = joined or adjoint(prepare(system), everything(system))
    witnesses = heard(peers)
    say("measuring")
    numbers = measure(system, seed, module, witnesses, lambda name: say(f"measuring: {name}"))
    say("proving the rules")
    rules = prove(system)
    say("testing the assembly")
    start = time.perf_counter()
    assembly = check_assembly(system, joined, seed)
    tested = _tested(assembly, time.perf_counter() - start)
    computed = _computed(check_deeply(system, joined, seed, lambda name: say(f"sympy.diff: {name}"))) if deep else _NOT_DEEP
    checks = [_proved(rules), tested, computed, *_measured(numbers, witnesses)]
    by_sympy = computed.names if computed.outcome == WRONG else ()
    fault = _first_fault(system, joined, rules, assembly, by_sympy, numbers) if any(c.outcome == WRONG for c in checks) else None
    gradients = {m.name: m.residuals for m in numbers.gradients}
    return Report(system.name, {**numbers.sizes, "seed": seed}, tuple(checks), gradients, rules.conventions, fault)


# ---------------------------------------------------------------- rows


def _proved(rules: RuleReport) -> Check:
    bad = rules.wrong or rules.open
    outcome = WRONG if rules.wrong else UNDECIDED if rules.open else RIGHT
    parts = sum(p.by_parts for p in rules.proofs.values())
    how = "SymPy's derivative in index form" + (f" ({parts} of them operator by operator)" if parts else "")
    found = f"{counted(rules.compared, 'derivative')} equal" if not bad else f"{len(bad)} of {len(rules.proofs)} equations"
    what = f"rules of {counted(len(rules.proofs), 'equation')}, for all sizes"
    return Check(PROVED, "rules", what, how, outcome, found, sum(p.seconds for p in rules.forms), {"derivatives": rules.compared}, bad)


def _tested(assembly: Assembly, seconds: float) -> Check:
    wrong, open_ = assembly.of("wrong"), assembly.of("undecided")
    outcome = WRONG if wrong else UNDECIDED if open_ else RIGHT
    lengths = ", ".join(map(str, assembly.steps))
    seeds = f", {assembly.runs} runs for {assembly.branches} branches" if assembly.branches else ""
    how = f"dual numbers over a finite field{seeds}"
    found = f"equal, chance of error ≤ {short(assembly.bound)}" if outcome == RIGHT else counted(len(wrong or open_), "gradient")
    if outcome == UNDECIDED:
        found += f" ({assembly.reason})"
    figures = {"bound": assembly.bound, "runs": assembly.runs, "branches": assembly.branches}
    what = f"{counted(len(assembly.names), 'gradient')}, T = {lengths}"
    return Check(TESTED, "assembly", what, how, outcome, found, seconds, figures, wrong or open_)


_BY_SYMPY = "sympy.diff of the unrolled loss"
_NOT_DEEP = Check(COMPUTED, "sympy.diff", "", _BY_SYMPY, SKIPPED, "--deep")


def _computed(deep: Deep | str) -> Check:
    if isinstance(deep, str):
        return Check(COMPUTED, "sympy.diff", "", _BY_SYMPY, SKIPPED, deep)
    outcome = WRONG if deep.wrong else UNDECIDED if deep.undecided else RIGHT
    found = (
        f"equal over the field, chance of error ≤ {short(deep.bound)}"
        if outcome == RIGHT
        else f"{len(deep.wrong or deep.undecided)} entries"
    )
    sizes = "all sizes 2" if set(deep.sizes.values()) == {2} else ", ".join(f"{name} = {n}" for name, n in deep.sizes.items())
    what = f"{deep.entries} entries, T = {deep.steps}" + (f", {sizes}" if sizes else "")
    figures = {"bound": deep.bound, "entries": deep.entries, "operations": deep.operations}
    return Check(COMPUTED, "sympy.diff", what, _BY_SYMPY, outcome, found, deep.seconds, figures, deep.wrong or deep.undecided)


def _measured(numbers: Measured, witnesses: Iterable[Witness]) -> Iterable[Check]:
    for witness in witnesses:
        if witness.name in numbers.skipped:
            yield Check(MEASURED, witness.name, "", witness.how, SKIPPED, numbers.skipped[witness.name])
            continue
        asked = [m for m in (*numbers.variables, *numbers.gradients) if witness.name in m.residuals]
        bad = tuple(m.name for m in asked if witness.name in m.fails(numbers.tolerances))
        worst, tolerance = numbers.worst(witness.name) or 0.0, numbers.tolerances[witness.name]
        variables = sum(m.kind == "variable" for m in asked)
        what = counted(len(asked) - variables, "gradient") + (f", {counted(variables, 'variable')}" if variables else "")
        found = f"{worst:.1e} {'≤' if not bad else '>'} {short(tolerance)}"
        figures = {"residual": worst, "tolerance": tolerance}
        yield Check(MEASURED, witness.name, what, witness.how, WRONG if bad else RIGHT, found, numbers.seconds[witness.name], figures, bad)
    for peer in PEERS:
        if peer not in {w.name for w in witnesses}:
            yield Check(MEASURED, peer, "", PEERS[peer], SKIPPED, f"--witness {peer}")


# ---------------------------------------------------------------- the first wrong equation


def _first_fault(
    system: System, joined: Adjoint, rules: RuleReport, assembly: Assembly, by_sympy: tuple[str, ...], numbers: Measured
) -> Fault:
    """Where it begins: in a rule, in the assembly, in the module."""
    equations = derive(system).numbers
    forward = prepare(system)
    if rules.wrong:
        definition = forward.defined[rules.wrong[0]]
        return Fault(str(definition), equations.get(definition.key), _wrong_rule(definition, rules))
    if assembly.fault is not None:
        definition, key = assembly.fault
        return Fault(str(definition), equations.get(definition.key), f"it is not the error of `{key}`")
    wrong = assembly.of(WRONG) or tuple(entry.partition("[")[0].partition("(")[0] for entry in by_sympy)
    first = None if wrong else numbers.wrong[0]
    if first is not None and first.kind == "variable":
        definition = forward.defined[first.name]
        return Fault(str(definition), equations.get(definition.key), f"the module's `{first.name}` {_missed(first, numbers)}")
    name = wrong[0] if first is None else first.name
    what = f"it is not the gradient of `{name}`" if first is None else f"the module's gradient of `{name}` {_missed(first, numbers)}"
    variable = _gradient_variable(joined, name)
    found = joined.system.defined.get(variable or "")
    return Fault(str(found) if found else f"the gradient of {name}", equations.get(variable or ""), what)


def _wrong_rule(definition: Definition, rules: RuleReport) -> str:
    """Which rule, with respect to what, and the numbers that show it."""
    wrong = next(o for o in rules.proofs[definition.key].open if o.is_wrong)
    leaves = list(dict.fromkeys(quantities(without_totals(definition.rhs))))
    of = next((f" with respect to `{q}`" for n, q in enumerate(leaves) if wrong.quantity == f"u{n}"), "")
    return f"its {wrong.rule}{of} is not SymPy's derivative ({wrong.counterexample})"


def _missed(measurement: Measurement, numbers: Measured) -> str:
    first = measurement.fails(numbers.tolerances)[0]
    return f"is off by {measurement.residuals[first]:.1e} against {first}"


def _gradient_variable(joined: Adjoint, name: str) -> str | None:
    """The adjoint variable that holds a gradient; that of initial values before step 1 is looked up by its latest place."""
    label = name.removeprefix("initial ")
    keys = [label] if label in joined.gradients and label == name else [label, f"{label}[0]"]
    return next((joined.gradients[k] for k in keys if k in joined.gradients), None)


__all__ = ["verify"]
