"""Slips of the pen that are no errors: names read as parameters that were perhaps not meant as such, what nothing reads, a target in
the place of a probability.

Comes in: `Names`. Goes out: warnings.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.language.builtin import ARITY
from rnnsym.language.findings import Findings, differ_by_one_letter
from rnnsym.language.names import Names, Symbol, occurrences
from rnnsym.language.syntax import At, Call, MatMul, Name, Node, Sum, walk

MAX_COMPARED = 1_000  # names are compared in pairs


def warn_of_slips(names: Names, findings: Findings) -> None:
    """Warn of what is well formed but was perhaps not meant."""
    _warn_of_a_missing_loss(names, findings)
    params = [s for s in names.symbols.values() if s.kind == "param"]
    for symbol in params:
        if symbol.declare is None:
            _warn_of_a_word(symbol, names, findings)
    _warn_of_near_names(params, findings)
    reads = [node for equation in names.equations for node in occurrences(equation.right)]
    _warn_of_the_unread(names, reads, findings)
    for equation in names.equations:
        for node in walk(equation.right):
            if isinstance(node, Call) and node.function in ("cross_entropy", "binary_cross_entropy"):
                _warn_of_no_probability(node, names, findings)


def _warn_of_a_word(symbol: Symbol, names: Names, findings: Findings) -> None:
    """`T`, functions, steps without brackets."""
    found = f"`{symbol.name}` without brackets is read as a parameter of that name"
    if symbol.name == "T":
        findings.warn("W202", found, symbol.first, instead="h[T] for the last step; a number of steps as an input or a constant")
    if symbol.name in ARITY:
        findings.warn("W203", found, symbol.first, instead=f"{symbol.name}(…)")
    if names.step_of(symbol):
        findings.warn("W207", f"`{symbol.name}` is read as a parameter of that name", symbol.first, instead=names.step_of(symbol))


def _warn_of_near_names(params: Sequence[Symbol], findings: Findings) -> None:
    """One warning for each set of names that lead to each other by changes of one letter."""
    long = [s for s in params if sum(c.isalpha() for c in s.name) >= 4][:MAX_COMPARED]
    told: set[str] = set()
    for symbol in long:
        if symbol.name in told:
            continue
        group = [symbol]
        for member in group:
            group += [o for o in long if o not in group and differ_by_one_letter(member.name, o.name)]
        told |= {member.name for member in group}
        inferred = [member for member in group if member.declare is None]
        if len(group) > 1 and inferred:
            shown = inferred[-1] if len(group) == 2 else inferred[0]
            others = [f"`{o.name}`" for o in group if o is not shown]
            if len(others) == 1:
                found, expected = f"the parameter `{shown.name}` differs by one letter from {others[0]}", "that both are meant"
            else:
                found = f"the parameters `{shown.name}`, {', '.join(others[:-1])} and {others[-1]} differ by single letters"
                expected = "that all are meant"
            findings.warn("W201", found, shown.first, expected=expected)


def _warn_of_a_missing_loss(names: Names, findings: Findings) -> None:
    """Warn of `los[t] = …`, or of a target, where nothing is called loss: such a model has no gradients."""
    if any(s.name in (STEP_LOSS, FINAL_LOSS) for s in names.symbols.values()):
        return
    near = [s for s in names.symbols.values() if s.kind == "variable" and differ_by_one_letter(s.name, STEP_LOSS)]
    for symbol in near:
        found = f"no equation defines `loss`, and `{symbol.name}` differs from it by one letter"
        findings.warn("W206", found, symbol.first, instead="loss[t] = …, which is summed over time, or loss = …")
    target = next((s for s in names.symbols.values() if s.kind == "target"), None)
    if target is not None and not near:
        found = f"`{target.name}` is a target, but no equation defines `loss`"
        findings.warn("W206", found, target.place, instead="loss[t] = …, which is summed over time, or loss = …")


def _warn_of_the_unread(names: Names, reads: Sequence[Name | At], findings: Findings) -> None:
    """Declarations, initial values and `c_0 = …` that no equation reads."""
    read = {node.name for node in reads}
    offsets = {(node.name, node.when.offset) for node in reads if isinstance(node, At) and node.when.is_running}
    for symbol in names.symbols.values():
        is_told = symbol.kind == "target" and not {STEP_LOSS, FINAL_LOSS} & set(names.symbols)
        if symbol.kind != "variable" and symbol.declare is not None and symbol.name not in read and not is_told:
            findings.warn("W208", f"`{symbol.name}` is declared, but no equation reads it", symbol.place)
        of = names.symbols.get(symbol.name.removesuffix("_0"))
        if symbol.kind == "variable" and not symbol.timed and symbol.name not in read and of is not None and of is not symbol and of.timed:
            found = f"`{symbol.name}` is computed, but no equation reads it"
            findings.warn("W208", found, symbol.place, instead=f"{of.name}[0] = …, for the initial value of `{of.name}`")
    for equation in names.equations:
        when = equation.target.when
        if when is None or when.is_running:
            continue
        own = [offset for name, offset in offsets if name == equation.target.name]
        if not any(k >= when.offset if when.base else k < when.offset for k in own):
            lag = f"{equation.target.name}[t{when.offset - 1:+d}]" if not when.base else f"{equation.target.name}[t{when.offset:+d}]"
            findings.warn("W208", f"`{equation.target.text}` is given, but no equation reads `{lag}`", equation.target.span)


def _warn_of_no_probability(node: Call, names: Names, findings: Findings) -> None:
    """The second argument of a cross-entropy is a target, or may be negative as it stands."""
    first, second = node.parts
    text = findings.text(second, 40)
    kinds = [s.kind if (s := names.symbol(part)) is not None else "" for part in node.parts]
    if kinds[1] in ("target", "token") and kinds[0] != kinds[1]:
        instead = f"{node.function}({text}, {findings.text(first, 40)})"
        findings.warn("W209", f"the second argument of {node.function} is the target", second, instead=instead)
        return
    symbol = names.symbol(second)
    value = symbol.equation.value if symbol is not None and symbol.equation is not None else second
    if node.function == "binary_cross_entropy" and isinstance(value, Call) and value.function == "softmax":
        found = "the second argument of binary_cross_entropy is a softmax, which may round to 1, where the loss is infinite"
        instead = f"cross_entropy({findings.text(first, 40)}, {text}), or a sigmoid for each entry"
        findings.warn("W210", found, second, instead=instead)
    elif value is not None and _is_unbounded(value, names):
        function = "softmax" if node.function == "cross_entropy" else "sigmoid"
        found = f"the second argument of {node.function} is no probability"
        findings.warn("W209", found, second, instead=f"{function}({text})")


def _is_unbounded(value: Node, names: Names) -> bool:
    """Whether an expression adds or multiplies free parameters, so that it takes any sign."""
    if isinstance(value, Sum):
        return any(_is_unbounded(part, names) for part in value.children)
    weight = value.left if isinstance(value, MatMul) else value.parts[0] if isinstance(value, Call) and value.function == "dot" else value
    symbol = names.symbol(weight)
    return symbol is not None and symbol.kind == "param" and symbol.declare is None
