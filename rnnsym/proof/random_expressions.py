"""Random expressions of the equation language, as text, of a shape that is asked for.

Comes in: a source of choices, a `Scope` (what may be read). Goes out: text whose value has that shape. One small function per way of
writing something, in tables by rank, so that a new operator is one entry here. Values stay away from poles and from the edges of domains:
logarithms and roots of 1 + u², quotients by what is above one, exponentials of what is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

Length = tuple[tuple[str, int], ...]  # ("n_h", 2), ("", 3) is 2*n_h + 3; sorted
Shape = tuple[Length, ...]

# Levels of binding, as in Python: a part is put in brackets where it binds less than its place asks for.
BRANCH, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)


def length(*parts: tuple[str, int]) -> Length:
    """The length that is the sum of these (size name or "", factor) parts."""
    total: dict[str, int] = {}
    for name, count in parts:
        total[name] = total.get(name, 0) + count
    return tuple(sorted((name, count) for name, count in total.items() if count))


def length_text(n: Length) -> str:
    words = [str(c) if not name else name if c == 1 else f"{c}*{name}" for name, c in n]
    return " + ".join(words)


def length_value(n: Length, sizes: dict[str, int]) -> int:
    return sum(count * (sizes[name] if name else 1) for name, count in n)


@dataclass(frozen=True)
class Piece:
    """A text and how tightly its outermost operator binds."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True)
class Macro:
    """An own function: name, shapes of its arguments, shapes of what it returns."""

    name: str
    arguments: tuple[Shape, ...]
    results: tuple[Shape, ...]


@dataclass
class Scope:
    """What an expression may read.

    leaves     (shape, maker of a text) of quantities
    parameter  shape → name of a parameter, or None where there are none (inside own functions)
    lengths    the lengths that vectors and matrices have in this model
    macros     own functions that may be called
    timed      whether there is a running step, for `t == T`
    summed     the scope at a running step, from a static one: what `total` sums
    hidden     built-in functions that own functions hide
    """

    leaves: list[tuple[Shape, Callable[[], str]]]
    parameter: Callable[[Shape], str] | None
    lengths: list[Length]
    macros: list[Macro] = field(default_factory=list)
    timed: bool = True
    summed: Scope | None = None
    hidden: frozenset[str] = frozenset()


Rule = Callable[["Writer", Shape, int], "Piece | None"]
EVERYWHERE: list[tuple[int, Rule]] = []
BY_RANK: dict[int, list[tuple[int, Rule]]] = {0: [], 1: [], 2: []}


def rule(weight: int, *ranks: int) -> Callable[[Rule], Rule]:
    """Enter a way of writing an expression, for these ranks or (none given) for every rank."""

    def enter(function: Rule) -> Rule:
        for table in [BY_RANK[r] for r in ranks] if ranks else [EVERYWHERE]:
            table.append((weight, function))
        return function

    return enter


class Writer:
    """Writes expressions from one source of choices."""

    def __init__(self, choices: Random, scope: Scope):
        self.choices, self.scope = choices, scope

    def chance(self, probability: float) -> bool:
        return self.choices.random() < probability

    def write(self, shape: Shape, depth: int) -> Piece:
        """An expression of this shape, at most `depth` operators deep (safe forms add a few)."""
        if depth <= 0 or self.chance(0.12):
            return self.leaf(shape)
        table = EVERYWHERE + BY_RANK[len(shape)]
        weights = [weight for weight, _ in table]
        for _ in range(6):
            (_, chosen), *_ = self.choices.choices(table, weights)
            piece = chosen(self, shape, depth - 1)
            if piece is not None and not any(piece.text.startswith(f"{name}(") for name in self.scope.hidden):
                return Piece(f"({piece.text})") if self.chance(0.03) else piece
        return self.leaf(shape)

    def leaf(self, shape: Shape) -> Piece:
        fitting = [maker for found, maker in self.scope.leaves if found == shape]
        if fitting and (self.scope.parameter is None or self.chance(0.75)):
            return Piece(self.choices.choice(fitting)())
        if not shape and self.chance(0.4 if self.scope.parameter else 1):
            return Piece(self.number())
        if self.scope.parameter is not None:
            return Piece(self.scope.parameter(shape))
        return Piece(f"{self.number()} * ones({', '.join(map(length_text, shape))})", PRODUCT)

    def number(self) -> str:
        return self.choices.choice(["0.5", "2", "1", "0.25", "1.5", "0.1", "3e-1", "1_0" if self.chance(0.03) else "0.75"])

    def some_length(self) -> Length:
        return self.choices.choice(self.scope.lengths)

    def some_shape(self, *ranks: int) -> Shape:
        return tuple(self.some_length() for _ in range(self.choices.choice(ranks)))

    def pair(self, shape: Shape, depth: int) -> tuple[Piece, Piece]:
        """Two parts that meet to this shape: one of them may be a scalar."""
        shapes = [shape, shape if self.chance(0.65) else ()]
        self.choices.shuffle(shapes)
        return self.write(shapes[0], depth), self.write(shapes[1], depth)

    def bounded(self, shape: Shape, depth: int) -> str:
        return f"{self.choices.choice(['tanh', 'sin', 'erf', 'sigmoid'])}({self.write(shape, depth).text})"

    def above_one(self, shape: Shape, depth: int) -> Piece:
        """Something that is larger than one half."""
        u = self.write(shape, depth)
        return self.choices.choice([
            Piece(f"1 + {u.at(ATOM)}**2", SUM), Piece(f"1.5 + sigmoid({u.text})", SUM), Piece(f"max(abs({u.text}), 0.7)"),
            Piece(f"exp(tanh({u.text})) + 0.5", SUM), Piece(f"softplus({u.text}) + 0.6", SUM),
        ])  # fmt: skip


# ---------------------------------------------------------------- for every rank


@rule(8)
def _sum(w: Writer, shape: Shape, depth: int) -> Piece:
    u, v = w.pair(shape, depth)
    sign = w.choices.choice("++-")
    return Piece(f"{u.at(SUM)} {sign} {v.at(PRODUCT if sign == '-' else SUM)}", SUM)


@rule(8)
def _product(w: Writer, shape: Shape, depth: int) -> Piece:
    u, v = w.pair(shape, depth)
    return Piece(f"{u.at(PRODUCT)} * {v.at(SIGN)}", PRODUCT)


@rule(3)
def _quotient(w: Writer, shape: Shape, depth: int) -> Piece:
    below = shape if w.chance(0.6) else ()
    above = shape if below != shape or w.chance(0.7) else ()
    return Piece(f"{w.write(above, depth).at(PRODUCT)} / {w.above_one(below, depth).at(SIGN)}", PRODUCT)


@rule(3)
def _power(w: Writer, shape: Shape, depth: int) -> Piece:
    if w.chance(0.6):
        return Piece(f"{w.write(shape, depth).at(ATOM)}**{w.choices.choice(['2', '3', '1', '0'] if w.chance(0.1) else ['2', '3'])}", POWER)
    exponent = w.choices.choice(["-1", "0.5", "-0.5", "-2", w.bounded(shape if w.chance(0.5) else (), depth), f"-{w.bounded((), depth)}"])
    return Piece(f"{w.above_one(shape, depth).at(ATOM)}**{exponent}", POWER)


@rule(2)
def _negation(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"-{w.write(shape, depth).at(SIGN)}", SIGN)


@rule(8)
def _function(w: Writer, shape: Shape, depth: int) -> Piece:
    name = w.choices.choice(
        ["sigmoid", "tanh", "relu", "abs", "sign", "sin", "cos", "erf", "softplus", "silu", "gelu", "elu", "tanh", "sigmoid"]
    )
    return Piece(f"{name}({w.write(shape, depth).text})")


@rule(3)
def _guarded_function(w: Writer, shape: Shape, depth: int) -> Piece:
    name = w.choices.choice(["exp", "log", "sqrt"])
    return Piece(f"exp({w.bounded(shape, depth)})") if name == "exp" else Piece(f"{name}({w.above_one(shape, depth).text})")


@rule(2)
def _stable_form(w: Writer, shape: Shape, depth: int) -> Piece:
    u = w.write(shape, depth).text
    forms = [
        Piece(f"log(sigmoid({u}))"), Piece(f"1 - sigmoid({u})", SUM), Piece(f"log(1 + exp({u}))"),
        Piece(f"1 / (1 + exp(-({u})))", PRODUCT), Piece(f"log(1 - sigmoid({u}))"), Piece(f"(1 - sigmoid({u})) * sigmoid({u})", PRODUCT),
    ]  # fmt: skip
    return w.choices.choice(forms)


@rule(3)
def _minimum_and_maximum(w: Writer, shape: Shape, depth: int) -> Piece:
    parts = [p.text for p in w.pair(shape, depth)]
    if w.chance(0.25):
        parts.append(w.write(() if w.chance(0.5) else shape, depth).text)
    return Piece(f"{w.choices.choice(['min', 'max'])}({', '.join(parts)})")


@rule(2)
def _clip_and_mod(w: Writer, shape: Shape, depth: int) -> Piece:
    u, bound = w.write(shape, depth).text, () if w.chance(0.6) else shape
    if w.chance(0.5):
        return Piece(f"mod({u}, {w.above_one(bound, depth).text})")
    low, high = (
        (w.choices.choice(["-0.8", "-1"]), "0.9")
        if not bound
        else (f"-exp({w.bounded(bound, depth)})", f"{w.above_one(bound, depth).text}")
    )
    return Piece(f"clip({u}, {low}, {high})")


@rule(3)
def _branch(w: Writer, shape: Shape, depth: int) -> Piece:
    u, v = w.pair(shape, depth)
    return Piece(f"{u.at(COMPARISON)} if {_condition(w, shape, depth)} else {v.at(BRANCH)}", BRANCH)


def _condition(w: Writer, shape: Shape, depth: int) -> str:
    if w.scope.timed and w.chance(0.35):
        return w.choices.choice(["t == T", "t == 1"])
    asked = shape if w.chance(0.6) else ()
    left, right = w.pair(asked, depth)
    return f"{left.at(SUM)} {w.choices.choice(['<', '<=', '>', '>='])} {right.at(SUM)}"


@rule(1)
def _stop_gradient(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"stop_gradient({w.write(shape, depth).text})")


@rule(4)
def _own_function(w: Writer, shape: Shape, depth: int) -> Piece | None:
    fitting = [m for m in w.scope.macros if m.results == (shape,)]
    if not fitting:
        return None
    macro = w.choices.choice(fitting)
    return Piece(f"{macro.name}({', '.join(w.write(s, depth).text for s in macro.arguments)})")


@rule(4)
def _sum_over_time(w: Writer, shape: Shape, depth: int) -> Piece | None:
    if w.scope.summed is None:
        return None
    return Piece(f"total({Writer(w.choices, w.scope.summed).write(shape, depth).text})")


# ---------------------------------------------------------------- scalars


@rule(6, 0)
def _reduction(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"{w.choices.choice(['sum', 'mean', 'norm'])}({w.write(w.some_shape(1, 1, 2), depth).text})")


@rule(4, 0)
def _dot(w: Writer, shape: Shape, depth: int) -> Piece:
    inner = w.some_shape(1)
    return Piece(f"dot({w.write(inner, depth).text}, {w.write(inner, depth).text})")


@rule(2, 0)
def _logsumexp(w: Writer, shape: Shape, depth: int) -> Piece:
    u = w.write(w.some_shape(1), depth).text
    return Piece(w.choices.choice([f"logsumexp({u})", f"log(sum(exp({u})))"]))


@rule(2, 0)
def _loss_function(w: Writer, shape: Shape, depth: int) -> Piece:
    over = w.some_shape(0, 1)
    y, u = w.write(() if w.chance(0.2) else over, depth), w.write(over, depth).text
    forms = [f"squared_error({y.text}, {u})", f"binary_cross_entropy({y.text}, sigmoid({u}))", f"cross_entropy({y.text}, sigmoid({u}))"]
    return Piece(w.choices.choice(forms if not over else [*forms, *2 * [f"cross_entropy({y.text}, softmax({u}))"]]))


@rule(1, 0)
def _size_as_number(w: Writer, shape: Shape, depth: int) -> Piece | None:
    names = sorted({name for n in w.scope.lengths for name, _ in n if name})
    if not names:
        return None
    name = w.choices.choice(names)
    return Piece(w.choices.choice([f"sqrt({name})", f"1 / {name}", f"pi / {name}", f"({name} - 1) / {name}", f"{name}**-0.5"]), PRODUCT)


# ---------------------------------------------------------------- vectors


@rule(14, 1)
def _matrix_times_vector(w: Writer, shape: Shape, depth: int) -> Piece:
    inner = w.some_length()
    return Piece(f"{w.write((shape[0], inner), depth - 1).at(PRODUCT)} @ {w.write((inner,), depth).at(SIGN)}", PRODUCT)


@rule(3, 1)
def _softmax(w: Writer, shape: Shape, depth: int) -> Piece:
    u = w.write(shape, depth).text
    return Piece(w.choices.choice([f"softmax({u})", f"log_softmax({u})", f"log(softmax({u}))", f"softmax({u})"]))


@rule(2, 1)
def _roll(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"roll({w.write(shape, depth).text}, {w.choices.choice(['1', '-1', '2', '-3', '0', '7'])})")


@rule(4, 1)
def _concatenation(w: Writer, shape: Shape, depth: int) -> Piece | None:
    parts: list[Length] = [((name, 1),) for name, count in shape[0] for _ in range(count)]
    if not 2 <= len(parts) <= 6:
        return None
    w.choices.shuffle(parts)
    if len(parts) > 2 and w.chance(0.5):
        parts[:2] = [length(*parts[0], *parts[1])]
    shapes = [() if part == (("", 1),) and w.chance(0.7) else (part,) for part in parts]
    return Piece(f"concat({', '.join(w.write(s, depth).text for s in shapes)})")


@rule(5, 1)
def _slice(w: Writer, shape: Shape, depth: int) -> Piece:
    other = w.choices.choice([w.some_length(), (("", 1),), (("", 2),)])
    whole = w.write((length(*shape[0], *other),), depth).at(ATOM)
    return Piece(f"{whole}[:{length_text(shape[0])}]" if w.chance(0.5) else f"{whole}[{length_text(other)}:]")


@rule(2, 1)
def _diagonal_times_vector(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"diag({w.write(shape, depth).text}) @ {w.write(shape, depth).at(SIGN)}", PRODUCT)


# ---------------------------------------------------------------- matrices


@rule(4, 2)
def _outer(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"outer({w.write(shape[:1], depth).text}, {w.write(shape[1:], depth).text})")


@rule(4, 2)
def _transpose(w: Writer, shape: Shape, depth: int) -> Piece:
    return Piece(f"{w.write(shape[::-1], depth).at(ATOM)}.T")


@rule(5, 2)
def _matrix_product(w: Writer, shape: Shape, depth: int) -> Piece:
    inner = w.some_length()
    return Piece(f"{w.write((shape[0], inner), depth).at(PRODUCT)} @ {w.write((inner, shape[1]), depth).at(SIGN)}", PRODUCT)


@rule(4, 2)
def _special_matrix(w: Writer, shape: Shape, depth: int) -> Piece:
    if shape[0] != shape[1] or w.chance(0.2):
        return Piece(f"ones({length_text(shape[0])}, {length_text(shape[1])})")
    return Piece(f"eye({length_text(shape[0])})") if w.chance(0.4) else Piece(f"diag({w.write(shape[:1], depth).text})")
