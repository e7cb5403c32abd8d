"""Random well-formed models, as text, over the whole equation language.

Comes in: a source of choices. Goes out: a `RandomModel`: the `.rnn` text and small sizes, all different. A model is drawn in stages, each
of which reads only earlier ones: data, then recurrences (forwards or backwards, of one or several variables), equations without
memory, static equations, losses. So no drawn model has a cycle; every other rule of the language it keeps by construction, too. With
`declared` every parameter and variable has a line, and then such a model must be read; without, some lines are left to inference, which
may find other shapes, or ask for a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from rnnsym.proof.random_expressions import SUM, Length, Macro, Piece, Scope, Shape, Writer, length, length_text

PLAIN_NAMES = (
    "a", "b", "c", "d", "e", "f", "g", "h", "k", "m", "n", "o", "q", "r", "s", "u", "v", "z", "A", "B", "C", "D", "F", "G", "H", "K",
    "M", "P", "Q", "R", "S", "U", "V", "W", "Z", "h_1", "h_2", "W_1", "U_h", "b_y", "alpha", "beta", "gamma",
)  # fmt: skip
ODD_NAMES = (
    "E", "S", "Q", "O", "N", "I", "zeta", "re", "im", "dt", "params", "np", "out", "self", "lengths", "initial", "work", "dtype",
    "rng", "vector", "matrix", "scalar", "input", "target", "token", "param", "constant", "norm", "sum", "exp", "tanh", "softmax",
    "lambda_", "print", "list", "dict", "range", "trace", "forward", "backward", "step", "state", "steps", "batch", "d_h", "d_loss",
    "dot_h", "save", "load", "grads", "Params", "array", "float", "total", "h_0", "d_W", "x_", "class_", "sigmoid_", "loss_",
    "concat", "dot", "outer", "eye", "diag", "split", "roll", "clip", "mod", "min", "max", "log", "sqrt", "abs", "C_1", "theta_hat",
    "h_tilde", "one", "zero", "zeros", "ones", "shape", "dim", "time", "B_", "T_", "t_", "values", "name", "copy", "seed", "where",
    "length", "axis", "cost", "gradient", "init", "object",
)  # fmt: skip
HIDEABLE = ("silu", "gelu", "roll")  # built-in functions that an own function may hide: nothing but their own rule writes them
SIZE_NAMES = (
    "n_x", "n_h", "n_y", "n_k", "N", "m_1", "d_model",
)  # fmt: skip
Leaf = tuple[Shape, Callable[[], str]]
RANK_WORDS = ("scalar", "vector", "matrix")


@dataclass(frozen=True)
class RandomModel:
    """A drawn model: its text, and a whole number for each size."""

    text: str
    sizes: dict[str, int]


@dataclass
class _Quantity:
    name: str
    shape: Shape
    timed: bool
    kind: str
    offsets: tuple[int, ...] = (0,)  # at which it may be read from a later stage


@dataclass
class _Drawing:
    """One model while it is drawn."""

    choices: Random
    declared: bool
    names: list[str] = field(default_factory=list)
    lengths: list[Length] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    quantities: list[_Quantity] = field(default_factory=list)
    params: list[tuple[str, Shape]] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()
    declarations: list[str] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.choices.random() < probability

    # -------------------------------------------------------- names and sizes

    def name(self) -> str:
        """A name that nothing has yet."""
        return self.names.pop()

    def start(self) -> None:
        count = self.choices.choice([1, 2, 3])
        self.sizes = dict(zip(self.choices.sample(SIZE_NAMES, count), self.choices.sample([2, 3, 4, 5, 6], count), strict=True))
        plain, odd = list(PLAIN_NAMES), [n for n in ODD_NAMES if n not in self.sizes and n not in PLAIN_NAMES]
        self.choices.shuffle(plain)
        self.choices.shuffle(odd)
        share = self.choices.choice([0.0, 0.0, 0.3, 1.0])
        self.names = [odd.pop() if odd and self.chance(share) else plain.pop() for _ in range(len(plain))][::-1]
        self.lengths = [length((n, 1)) for n in self.sizes]
        if self.chance(0.2):
            self.lengths.append(
                length((self.choices.choice(list(self.sizes)), 1), self.choices.choice([("", 1), (next(iter(self.sizes)), 1)]))
            )
        if self.chance(0.15):
            self.lengths.append(length(("", self.choices.choice([1, 2, 3]))))

    def shape(self, *ranks: int) -> Shape:
        return tuple(self.choices.choice(self.lengths) for _ in range(self.choices.choice(ranks)))

    def parameter(self, shape: Shape) -> str:
        """A parameter, or a constant, of this shape: an old one or a new one."""
        known = [name for name, found in self.params if found == shape]
        if known and (self.chance(0.35) or len(self.names) < 12):
            return self.choices.choice(known)
        if len(self.names) < 12:
            return self._ones(shape)
        name = self.name()
        self.params.append((name, shape))
        brackets = _brackets(shape)
        if self.chance(0.1):
            self.declarations.append(f"{name}: constant{brackets}{self.choices.choice(['', ' = 0.5', ' = -0.3'])}{self.remark()}")
        elif self.declared or self.chance(0.3):
            starts = ["", "", "", " = 1", " = 0.01", " = -0.5", " = uniform(0.1)", " = normal(0.01)"] + [" = glorot"] * (len(shape) == 2)
            starts += [" = orthogonal", " = eye"] if len(shape) == 2 and shape[0] == shape[1] else []
            self.declarations.append(f"{name}: param{brackets}{self.choices.choice(starts)}{self.remark()}")
        return name

    @staticmethod
    def _ones(shape: Shape) -> str:
        return f"(0.7 * ones({', '.join(map(length_text, shape))}))" if shape else "0.7"

    def remark(self) -> str:
        if not self.chance(0.15):
            return ""
        return "    # " + self.choices.choice(
            ['a "quoted" word', "back\\slash", "{{ braces }} {% x %}", "100 % & _under_ $math$", "'''", '"""', "# twice", "é σ ≤"]
        )

    # -------------------------------------------------------- what may be read

    def scope(self, timed: bool, macros: bool = True, own: list[Leaf] | None = None) -> Scope:
        leaves: list[Leaf] = list(own or []) * 3
        for quantity in self.quantities:
            if not quantity.timed:
                leaves.append((quantity.shape, partial(str, quantity.name)))
            else:
                leaves.append((quantity.shape, partial(self._read, quantity, timed)))
        summed = None if timed or not any(q.timed for q in self.quantities) else self.scope(True, macros)
        return Scope(leaves, self.parameter, self.lengths, self.macros if macros else [], timed, summed, self.hidden)

    def _read(self, quantity: _Quantity, timed: bool) -> str:
        return f"{quantity.name}[{self._when(quantity, timed)}]"

    def _past(self, name: str, sign: int, lags: list[int]) -> str:
        return f"{name}[{_time(sign * self.choices.choice(lags))}]"

    def _when(self, quantity: _Quantity, timed: bool) -> str:
        if not timed or self.chance(0.04):
            return self.choice_of_end()
        offset = self.choices.choices([0, -1, 1, -2, 2, -3, 3], [12, 3, 2, 1, 1, 0.5, 0.5])[0]
        return _time(offset)

    def choice_of_end(self) -> str:
        return self.choices.choice(["T", "T", "1"])

    def write(self, shape: Shape, depth: int, scope: Scope) -> Piece:
        return Writer(self.choices, scope).write(shape, depth)

    # -------------------------------------------------------- stages

    def data(self) -> None:
        for n in self.lengths[: len(self.sizes)]:  # a size is what stands in the brackets of some declaration
            self._datum("input", (n,), True)
        for _ in range(self.choices.choice([0, 1, 1, 2])):
            kind = self.choices.choices(["input", "target", "token"], [6, 5, 2])[0]
            shape = self.shape(1) if kind == "token" else self.shape(0, 1, 1, 1) if kind == "target" else self.shape(0, 1, 1, 1, 2)
            self._datum(kind, shape, True)
        if self.chance(0.3):
            self._datum(self.choices.choice(["input", "target"]), self.shape(0, 1), False)

    def _datum(self, kind: str, shape: Shape, timed: bool) -> None:
        name = self.name()
        self.declarations.append(f"{name}: {kind}{_brackets(shape)}{self.remark()}")
        self.quantities.append(_Quantity(name, shape, timed, kind))
        where = name + "[t]" if timed else name
        if not timed or self.chance(0.4):  # what only a static equation would read is read somewhere with its [t]
            self.equations.append(f"{self.name()}[t] = {self._one_of(where, shape)}")
            self._variable(self.equations[-1].split("[")[0], shape, True)
        else:
            name = self.name()
            self.equations.append(f"{name}[t] = 0.5 * {where}")
            self._variable(name, shape, True)

    def _one_of(self, where: str, shape: Shape) -> str:
        return self.choices.choice([f"tanh({where})", f"-{where}", f"{where} * {where}"])

    def _variable(self, name: str, shape: Shape, timed: bool) -> _Quantity:
        quantity = _Quantity(name, shape, timed, "variable")
        self.quantities.append(quantity)
        if self.declared or self.chance(0.25):
            self.declarations.append(f"{name}: {RANK_WORDS[len(shape)]}{_brackets(shape)}")
        return quantity

    def recurrence(self) -> None:
        """One to three variables that need each other through time, in one direction."""
        sign = self.choices.choice([-1, -1, -1, 1])
        members = [(self.name(), self.shape(1, 1, 1, 0, 2)) for _ in range(self.choices.choice([1, 1, 2, 3]))]
        lags = {name: sorted(self.choices.sample([1, 2, 3, 4], self.choice_of_lags())) for name, _ in members}
        rows = []
        for place, (name, shape) in enumerate(members):
            own: list[Leaf] = [(s, partial(self._past, n, sign, lags[n])) for n, s in members]
            own += [(s, partial(str, f"{n}[t]")) for n, s in members[:place]]
            back = f"{name}[{_time(sign * lags[name][0])}]"
            rows.append(f"{name}[t] = {self._kept(shape, back, self.scope(True, own=own))}{self.remark()}")
        for name, shape in members:
            for lag in lags[name] if self.chance(0.5) else []:
                if self.chance(0.8):
                    place_text = (str(1 - lag) if lag > 0 else "") if sign < 0 else f"T+{lag}"
                    self.equations.append(f"{name}[{place_text}] = {self._start(shape)}")
        self.equations += rows
        for name, shape in members:
            self._variable(name, shape, True)

    def choice_of_lags(self) -> int:
        return self.choices.choice([1, 1, 1, 2])

    def _start(self, shape: Shape) -> str:
        """An initial value: a number that fills the shape, trained, or an expression of what is static."""
        which = self.choices.random()
        if which < 0.3:
            return self.choices.choice(["0.5", "-0.25", "1", "2 / 3", "-1e-1"])
        if which < 0.6:
            return self.parameter(shape)
        return self.write(shape, 2, self.scope(False)).text

    def _kept(self, shape: Shape, back: str, scope: Scope) -> str:
        """A right side that stays bounded over time and reads its own past."""
        u = self.write(shape, 3, scope)
        gate = f"sigmoid({self.write(() if self.chance(0.3) else shape, 1, scope).text})"
        forms = [f"tanh({u.at(SUM)} + {back})", f"{gate} * {back} + {u.at(SUM)}", f"0.5 * {back} - sin({u.text})",
                 f"max({back} - 0.1, tanh({u.text}))"][: 4 if self.chance(0.3) else 3]  # fmt: skip
        if len(shape) >= 1:
            forms.append(f"tanh({self.parameter((shape[0], shape[0]))} @ {back} + {u.at(SUM)})")
        return self.choices.choice(forms)

    def stabiliser(self) -> None:
        """The exponential gate with a running maximum, from -inf: as in the sLSTM."""
        shape, scope = self.shape(1, 0), self.scope(True)
        m, c, n, i, f = (self.name() for _ in range(5))
        self.equations += [
            f"{m}[0] = -inf", f"{i}[t] = {self.write(shape, 2, scope).text}", f"{f}[t] = log(sigmoid({self.write(shape, 2, scope).text}))",
            f"{m}[t] = max({f}[t] + {m}[t-1], {i}[t])", f"{n}[t] = exp({f}[t] + {m}[t-1] - {m}[t]) * {n}[t-1] + exp({i}[t] - {m}[t])",
            f"{c}[t] = (exp({f}[t] + {m}[t-1] - {m}[t]) * {c}[t-1] + exp({i}[t] - {m}[t]) * tanh({self.write(shape, 1, scope).text}))",
        ]  # fmt: skip
        for name in (i, f, n, c):
            self._variable(name, shape, True)
        if self.declared:
            self.declarations.append(f"{m}: {RANK_WORDS[len(shape)]}{_brackets(shape)}")

    def map(self) -> None:
        name, shape = self.name(), self.shape(0, 1, 1, 1, 2)
        self.equations.append(f"{name}[t] = {self.write(shape, 3, self.scope(True)).text}{self.remark()}")
        if self.chance(0.2):
            self.equations.append(f"{name}[{self.choices.choice(['0', '-1', 'T+1', 'T+2'])}] = {self._start(shape)}")
        self._variable(name, shape, True)

    def several(self) -> None:
        """Several at once: equal parts of a vector, or an own function that returns several."""
        many = [m for m in self.macros if len(m.results) > 1]
        timed = self.chance(0.8)
        when, scope = "[t]" if timed else "", self.scope(timed)
        if many and self.chance(0.6):
            macro = self.choices.choice(many)
            names = [self.name() for _ in macro.results]
            arguments = ", ".join(self.write(s, 2, scope).text for s in macro.arguments)
            self.equations.append(f"{', '.join(n + when for n in names)} = {macro.name}({arguments})")
            shapes = list(macro.results)
        else:
            parts, part = self.choices.choice([2, 3]), self.choices.choice(self.lengths)
            names = [self.name() for _ in range(parts)]
            whole = self.write((length(*(part * parts)),), 3, scope).text
            self.equations.append(f"{', '.join(n + when for n in names)} = split({whole}, {parts})")
            shapes = [(part,)] * parts
        for name, shape in zip(names, shapes, strict=True):
            self._variable(name, shape, timed)

    def static(self) -> None:
        name, shape = self.name(), self.shape(0, 1, 1, 2)
        self.equations.append(f"{name} = {self.write(shape, 3, self.scope(False)).text}{self.remark()}")
        self._variable(name, shape, False)

    def function(self) -> None:
        """An own function: local names, one or several results; its names may be those of the file."""
        taken = {m.name for m in self.macros}
        hiding = HIDEABLE if not taken and self.chance(0.15) else PLAIN_NAMES  # before another body may use the built-in one
        name = self.choices.choice([n for n in hiding if n not in taken])
        arguments = self.choices.sample(["x", "h", "a", "z", "u", "W", "t_1", "gain"], self.choices.choice([1, 1, 2, 3]))
        shapes = [self.shape(0, 1, 1, 2) for _ in arguments]
        leaves: list[Leaf] = [(s, partial(str, n)) for n, s in zip(arguments, shapes, strict=True)]
        if name in HIDEABLE:
            self.hidden |= {name}
        earlier = list(self.macros) if self.chance(0.3) else []
        body = []
        for local in self.choices.sample(["d", "e", "s", "x", "y_1"], self.choices.choice([0, 1, 1, 2])):
            if local in arguments:
                continue
            shape = self.shape(0, 1, 1)
            body.append(
                f"    {local} = {self.write(shape, 2, Scope(leaves, None, self.lengths, earlier, False, None, self.hidden | {name})).text}"
            )
            leaves = [*leaves, (shape, partial(str, local))]
        results = [self.shape(0, 1, 1, 2) for _ in range(self.choices.choice([1, 1, 1, 2, 3]))]
        inner = Scope(leaves, None, self.lengths, earlier, False, None, self.hidden | {name})
        returned = ", ".join(self.write(s, 2, inner).text for s in results)
        self.functions.append("\n".join([f"def {name}({', '.join(arguments)}):", *body, f"    return {returned}"]))
        self.macros.append(Macro(name, tuple(shapes), tuple(results)))

    def losses(self) -> None:
        which = self.choices.choice(["step", "step", "step", "static", "both", "both"])
        if which != "static":
            self.equations.append(f"loss[t] = {self._loss(True)}")
        if which != "step":
            self.equations.append(f"loss = {self._loss(False)}")

    def _loss(self, timed: bool) -> str:
        """A sum of costs that together read most of what was drawn."""
        scope, terms = self.scope(timed), []
        targets = [q for q in self.quantities if q.kind == "target" and (timed or not q.timed)]
        for quantity in self.quantities:
            if quantity.kind == "variable" and self.chance(0.6):
                where = f"{quantity.name}[{'t' if timed else 'T'}]" if quantity.timed else quantity.name
                if not timed and quantity.timed and self.chance(0.4):
                    where = f"total({quantity.name}[t])"
                terms.append(self._term(where, quantity.shape))
        for target in targets:
            where = target.name + ("[t]" if target.timed else "")
            u = self.write(target.shape, 2, scope).text
            if target.shape and self.chance(0.6):
                terms.append(self._classification(where, u, target.shape, timed))
            else:
                terms.append(
                    self.choices.choice(
                        [
                            f"squared_error({where}, {u})",
                            f"0.5 * squared_error({where}, {u})",
                            f"binary_cross_entropy({where}, sigmoid({u}))",
                        ]
                    )
                )
        terms.append(self.write((), 3, scope).at(SUM + 1))
        self.choices.shuffle(terms)
        return " + ".join(terms)

    def _term(self, where: str, shape: Shape) -> str:
        if not shape:
            return self.choices.choice([f"0.5 * {where}", f"{where}**2", f"tanh({where})"])
        return self.choices.choice([f"sum({where})", f"mean({where}**2)", f"0.1 * norm({where} + 0.1)", f"sum(sin({where}))"])

    def _classification(self, y: str, u: str, shape: Shape, timed: bool) -> str:
        """Cross-entropies with their parts inline, or named apart."""
        function = self.choices.choice(["softmax", "softmax", "sigmoid"])
        p = f"{function}({u})"
        if self.chance(0.6):
            name, when = self.name(), "[t]" if timed else ""
            self.equations.append(f"{name}{when} = {p}")
            self._variable(name, shape, timed)
            p = name + when
        forms = [f"cross_entropy({y}, {p})", f"-sum({y} * log({p}))", f"-dot({y}, log({p}))"]
        return self.choices.choice(
            forms + ([f"binary_cross_entropy({y}, {p})", f"-sum((1 - {y}) * log(1 - {p}))"] if function == "sigmoid" else [])
        )

    # -------------------------------------------------------- the whole

    def draw(self) -> RandomModel:
        self.start()
        for _ in range(self.choices.choice([0, 0, 1, 2])):
            self.function()
        self.data()
        stages = [self.recurrence] * 4 + [self.map] * 3 + [self.static, self.several, self.stabiliser]
        for stage in [self.recurrence, *(self.choices.choice(stages) for _ in range(self.choices.choice([0, 1, 2, 3])))]:
            stage()
        self.losses()
        if self.chance(0.5):
            self.choices.shuffle(self.equations)
            self.choices.shuffle(self.declarations)
        blocks = (
            [self.functions, self.declarations, self.equations] if self.chance(0.5) else [self.declarations, self.equations, self.functions]
        )
        text = "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
        return RandomModel(f'"""A random model."""\n\n{text}' if self.chance(0.3) else text, self.sizes)


def random_model(choices: Random, declared: bool = True) -> RandomModel:
    """Draw a model. declared: with a line for every parameter and variable, so that it must be read as it stands."""
    return _Drawing(choices, declared).draw()


def _brackets(shape: Shape) -> str:
    return f"[{', '.join(map(length_text, shape))}]" if shape else ""


def _time(offset: int) -> str:
    return "t" if offset == 0 else f"t{offset:+d}"
