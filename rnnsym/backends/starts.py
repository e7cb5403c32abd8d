"""How parameters start: the body of `init_params`.

What the file says goes first. Otherwise matrices are Glorot-uniform (Glorot & Bengio 2010), what multiplies or divides starts at
one, what is only added at zero.
"""

from __future__ import annotations

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import Quantity, decimal_text
from rnnsym.backends.names import Locals

_PASSING = (op.Negate, op.StopGradient)


def start_lines(system: System, names: Locals) -> tuple[str, set[str]]:
    """The source of `init_params`, and the functions that it uses."""
    public = names.public
    multiplying = multipliers(system)
    rows, used, random = [], set(), False
    for declaration in system.params:
        view = f"params.{public[declaration.name]}"
        rule, amount = _start(declaration, declaration.name in multiplying)
        if rule == "value":
            if amount != "0":
                rows.append(f"    {view}[...] = {amount}")
            continue
        if rule == "eye":
            rows.append(f"    {view}[...] = np.eye(*{view}.shape)" if len(declaration.shape) == 2 else f"    {view}[...] = 1")
            continue
        random = True
        if rule == "uniform":
            rows.append(f"    {view}[...] = generator.uniform(-{amount}, {amount}, {view}.shape)")
        elif rule == "normal":
            rows.append(f"    {view}[...] = generator.normal(0, {amount}, {view}.shape)")
        else:
            used.add(rule)
            rows.append(f"    {view}[...] = {rule}({view}.shape, generator)")
    sizes = [public[s.name] for s in system.sizes]
    lines = ["def init_params(", "    *,", *(f"    {name}: int," for name in sizes)]
    lines += ["    rng: Any = None,", "    dtype: Any = np.float32,", ") -> Params:"]
    lines += [
        '    """Parameters as training starts with them, from sizes.',
        "",
        "    `rng` is a seed or a numpy Generator; `dtype` float32, float64 or complex128.",
        '    """',
    ]
    named = [f'        "{name}": int({name}),' for name in sizes]
    lines += ["    sizes = {", *named, "    }"] if named else ["    sizes: dict[str, int] = {}"]
    lines += [
        "    for name, number in sizes.items():",
        "        if number < 1:",
        '            raise ValueError(f"{name}: expected a whole number from 1, found {number}")',
        "    shapes = [[length_of(axis, sizes) for axis in shape] for shape in SHAPES.values()]",
        "    total = sum(int(np.prod(shape)) for shape in shapes)",
        "    params = Params(sizes, np.zeros(total, working_dtype(np.dtype(dtype))))",
    ]
    lines += ["    generator = np.random.default_rng(rng)"] if random else []
    return "\n".join([*lines, *rows, "    return params"]), used


def _start(declaration: Declaration, multiplies: bool) -> tuple[str, str]:
    start = declaration.start
    if start is not None:
        if start.amount is None:
            return start.rule, ""
        sign = "-" if start.amount < 0 else ""
        return start.rule, sign + decimal_text(abs(start.amount)).replace("inf", "np.inf")
    if len(declaration.shape) == 2:
        return "glorot", ""
    return "value", "1" if multiplies else "0"


def multipliers(system: System) -> set[str]:
    """Parameters that multiply or divide somewhere."""
    found: set[str] = set()
    for definition in system.every_definition:
        _collect(definition.rhs, False, found)
    return found


def _collect(node: Basic, multiplied: bool, found: set[str]) -> None:
    if isinstance(node, Quantity):
        if multiplied and node.kind == "param":
            found.add(node.name)
        return
    for argument in node.args:
        if isinstance(argument, Basic):
            passes = multiplied and isinstance(node, _PASSING)
            _collect(argument, passes or isinstance(node, (op.Times, op.Quotient, op.Dot, op.Diagonal)), found)
