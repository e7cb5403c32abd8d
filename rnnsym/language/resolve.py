"""Text -> System: the whole way on one screen.

    text ─plain, scan─▶ tokens ─fence─▶ Page ─expand─▶ equations ─names─▶ Names ─ranks, shapes─▶ shapes ─build─▶ System

The first syntax error ends the reading; every other error of a text is reported together with the rest, in one ModelError.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

from rnnsym.algebra.graph import components, reads
from rnnsym.algebra.operators import Total
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, Tensor
from rnnsym.errors import ModelError, UsageError
from rnnsym.language.build import Builder
from rnnsym.language.declarations import with_declared_sizes
from rnnsym.language.fence import read
from rnnsym.language.findings import Findings
from rnnsym.language.macros import Equation, expand
from rnnsym.language.names import Names, find_names, key_of, occurrences, with_sums
from rnnsym.language.ranks import find_ranks
from rnnsym.language.reader import MAX_CHARACTERS, check_size, plain, scan
from rnnsym.language.shapes import find_shapes
from rnnsym.language.slips import warn_of_slips
from rnnsym.language.syntax import At, Call, Cut, Num, Page, Part, walk
from rnnsym.language.unify import Shape


def load(path: str | Path) -> System:
    """Read a model's file. Its name is the file's, without the ending.

    Raises UsageError when the file cannot be opened, ModelError when what it says is wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError.at("U103", f"`{path}` cannot be read: {reason[0].lower()}{reason[1:]}", file=str(path)) from None
    if len(data) > 4 * MAX_CHARACTERS:
        found = f"the file has more than {4 * MAX_CHARACTERS:,} bytes"
        raise ModelError.at("E101", found, file=str(path), expected=f"a model of at most {MAX_CHARACTERS:,} characters")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ModelError.at("E101", f"line {line} is not UTF-8 text", file=str(path), expected="a text file in UTF-8") from None
    return parse(text, path.stem, str(path))


def parse(text: str, name: str = "model", file: str = "<text>") -> System:
    """Read a model from its text.

    text    equations as the language reference says; never executed
    name    what the System is called
    file    what errors call the text

    Raises ModelError: the first syntax error, or all other errors together.

    >>> model = parse("x: input[n_x]\\nh: vector[n_h]\\nh[t] = tanh(W @ x[t] + U @ h[t-1] + b)")
    >>> [str(p.quantity) for p in model.params], [p.shape for p in model.params]
    (['W', 'U', 'b'], [(n_h, n_x), (n_h, n_h), (n_h,)])
    """
    check_size(text, file)
    findings = Findings(plain(text), file)
    page = read(scan(findings), findings)
    equations = expand(page, findings)
    names = with_declared_sizes(page, find_names(page, equations, findings), findings)
    if not page.assigns and page.is_whole and not findings.errors:
        findings.error("E105", "the text holds no equation", None, instead="h[t] = tanh(W @ x[t] + U @ h[t-1] + b)")
    shapes = find_shapes(names, find_ranks(names, findings), findings)
    if findings.errors:
        _check_cycles(names, findings)
    findings.raise_errors()
    warn_of_slips(names, findings)
    return _system(page, names, shapes, findings, name, text)


# ---------------------------------------------------------------- the System


def _system(page: Page, names: Names, shapes: dict[str, Shape], findings: Findings, name: str, text: str) -> System:
    builder = Builder(names, shapes, findings)
    built = [d for d in map(builder.definition, names.equations) if d is not None]
    findings.raise_errors()
    definitions = tuple(d for d in built if not d.is_boundary)
    boundaries = tuple(d for d in built if d.is_boundary)
    for key, _, span in page.notation:
        if key not in names.symbols and key not in names.sizes:
            findings.warn("W204", f"the notation of `{key}` is given, but nothing is called so", span)
    system = System(
        name,
        _declarations(builder, definitions, boundaries),
        definitions,
        boundaries,
        doc=page.doc,
        notation=tuple((key, latex) for key, latex, _ in page.notation),
        warnings=tuple(findings.warnings),
        source=findings.source,
        file=findings.file,
    )
    return system if _reads_back(system, names) else _spelled_out(system)


def _declarations(builder: Builder, definitions: tuple[Definition, ...], boundaries: tuple[Definition, ...]) -> tuple[Declaration, ...]:
    """The lines of the file in its order, then what was inferred, in the order in which the printed equations show it."""
    symbols = builder.names.symbols
    shown: dict[str, None] = {}
    for definition in boundaries + definitions:
        shown[definition.name] = None
        shown.update(dict.fromkeys(read.name for read in reads(definition.rhs)))
    inferred = [key for key in [*shown, *symbols] if key in symbols and symbols[key].declare is None]
    explicit = [key for key in symbols if symbols[key].declare is not None]
    return tuple(_declaration(builder, key, key in shown) for key in dict.fromkeys(explicit + inferred))


def _declaration(builder: Builder, key: str, is_shown: bool) -> Declaration:
    symbol = builder.names.symbols[key]
    line = symbol.declare
    describes = line is not None and symbol.kind != "variable"
    return Declaration(
        key,
        symbol.kind,
        builder.lengths[key],
        symbol.timed,
        description=line.description if line is not None and describes else "",
        start=line.start if line is not None else None,
        explicit=line is not None or not is_shown,
        span=symbol.place,
    )


def _reads_back(system: System, names: Names) -> bool:
    """Whether the System's text says all that was inferred.

    Only where constructors may have dropped or cut something is the text read again: sizes that only a split
    determined, names that a factor of zero removed.
    """
    nodes = [n for e in names.equations if e.value is not None for n in walk(e.value)]
    if not any(
        isinstance(n, (Cut, Part)) or (isinstance(n, Num) and n.value in (0, 1)) or (isinstance(n, Call) and n.function in ("ones", "eye"))
        for n in nodes
    ):
        return True
    if system.source == str(system):
        return True
    try:
        return parse(str(system), system.name) == system
    except ModelError:
        return False


def _spelled_out(system: System) -> System:
    """The System with every inferred name declared in its text."""
    losses = (STEP_LOSS, FINAL_LOSS)
    lines = [dataclasses.replace(d, explicit=True) for d in system.declarations if d.name not in losses]
    rest = [d for d in system.declarations if d.name in losses]
    return dataclasses.replace(system, declarations=(*lines, *rest))


def _check_cycles(names: Names, findings: Findings) -> None:
    """Note a cycle beside the errors already found: the graph needs names and times only, so it is asked with scalars throughout."""
    definitions = []
    for equation in names.equations:
        if equation.value is None:
            continue
        key, when = key_of(equation), equation.target.when
        symbols = [(names.symbol(n), n) for n in occurrences(equation.value)]
        spans = {s.name: n.span for s, n in reversed(symbols) if s is not None}
        rhs = _skeleton(equation, names)
        definitions.append(
            Definition(Quantity(key, (), None if when is None else when.time), rhs, span=equation.target.span, read_spans=spans)
        )
    outline = SimpleNamespace(
        every_definition=definitions, boundaries=[d for d in definitions if d.is_boundary], source=findings.source, file=findings.file
    )
    try:
        components(outline)  # type: ignore[arg-type]
    except ModelError as error:
        findings.take(error)


def _skeleton(equation: Equation, names: Names) -> Tensor:
    """A scalar expression that reads what the equation reads, when it reads it."""
    result: Tensor = Number(1)
    assert equation.value is not None
    for node, summed in with_sums(equation.value):
        symbol = names.symbol(node)
        if symbol is not None:
            quantity = Quantity(symbol.name, (), node.when.time if isinstance(node, At) else None, symbol.kind)
            result = result + (Total(quantity) if summed else quantity)
    return result
