"""How a name is typeset: from itself, or as the file's `notation(...)` says.

Comes in: a System. Goes out: `Names`, which gives every name its tree, and the letters that the document itself needs (cost, error, step
size) chosen among those that the model leaves free. Time is always the last index, and no two names look alike. A notation skin (see
`skins.py`) changes all these looks together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy
from sympy import Expr

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import BOUND, FINAL_LOSS, STEP_LOSS, Quantity, T, t
from rnnsym.documents.joining import ATOM, HADAMARD, SCRIPT
from rnnsym.documents.mathematics import (
    Fenced,
    Fraction,
    Identifier,
    Node,
    Numeral,
    Operator,
    Over,
    Row,
    Scripts,
    row,
    separated,
    with_subscript,
    with_superscript,
)
from rnnsym.documents.notation import GREEK, read_notation
from rnnsym.documents.renaming import told_apart, wanted_looks
from rnnsym.documents.skins import HOUSE, Skin
from rnnsym.errors import ModelError

_ACCENT_WORDS = ("tilde", "hat", "bar", "dot", "ddot", "vec")
_SIGN_WORDS = {"prime": "′", "star": "⋆", "plus": "+", "minus": "−"}
_STEP = Identifier("t")
_NUMBERED_ACCENT = re.compile(rf"({'|'.join(_ACCENT_WORDS)})(\d*)")
_LETTER_DIGITS = re.compile(r"([A-Za-z]+?)(\d+)")


def name_node(name: str) -> Node:
    """The tree of a name, read from its spelling: `W_i`, `h_tilde`, `alpha`, `lambda_`, `W1`, `h_new`."""
    parts = [part for part in name.split("_") if part]
    if not parts or not all(part.isascii() and part.isalnum() for part in parts):
        return Identifier(name, "upright")
    base = _head(parts[0])
    subscripts: list[Node] = [base.sub] if isinstance(base, Scripts) and base.sub is not None else []
    inner = base.base if isinstance(base, Scripts) else base
    superscript: Node | None = None
    for part in parts[1:]:
        accent = _NUMBERED_ACCENT.fullmatch(part)
        if accent:
            inner = Over(inner, accent[1])
            subscripts += [Numeral(accent[2])] if accent[2] else []
        elif part in _SIGN_WORDS and superscript is None:
            superscript = Operator(_SIGN_WORDS[part], "prefix")
        else:
            subscripts.append(_script(part))
    if not subscripts and superscript is None:
        return inner
    return Scripts(inner, separated(subscripts) if subscripts else None, superscript)


def _head(part: str) -> Node:
    """The letter or word that carries the scripts; digits after it are its first subscript."""
    if part in GREEK:
        return Identifier(GREEK[part])
    numbered = _LETTER_DIGITS.fullmatch(part)
    if numbered:
        return Scripts(_head(numbered.group(1)), Numeral(numbered.group(2)))
    return Numeral(part) if part.isdigit() else Identifier(part)


def _script(part: str) -> Node:
    """A subscript: one or two letters in italics, a longer word upright, digits as digits, `h1` as both."""
    if part in GREEK:
        return Identifier(GREEK[part])
    if part.isdigit():
        return Numeral(part)
    numbered = _LETTER_DIGITS.fullmatch(part)
    if numbered:
        return row(_script(numbered.group(1)), Numeral(numbered.group(2)))
    if len(part) == 2:
        return row(*(Numeral(c) if c.isdigit() else Identifier(c) for c in part))
    return Identifier(part, "upright" if len(part) > 2 else "italic")


_ACCENTED = re.compile(rf"(.+)_({'|'.join(_ACCENT_WORDS)})(\d*)")


def _of_stem(name: str, stems: Mapping[str, Node]) -> Node | None:
    """`a_x_bar`, where the file says how `a_x` looks: that letter under the accent."""
    match = _ACCENTED.fullmatch(name)
    if match is None or match[1] not in stems:
        return None
    node = _accented(stems[match[1]], match[2])
    return with_subscript(node, Numeral(match[3])) if match[3] else node


def _is_part_of_loss(name: str) -> bool:
    """Whether a name was given to a part of `loss[t]`: it carries the loss's own letter, which is chosen last."""
    match = _ACCENTED.fullmatch(name)
    return match is not None and match[1] == STEP_LOSS


def _distinct(wanted: Iterable[str], bases: Mapping[str, Node], stems: Mapping[str, Node], timed: set[str]) -> dict[str, Node]:
    """The bases with those of further names: what looks like another name, with or without time, is printed as it is spelled."""

    out = dict(bases)
    taken = {look for name, node in bases.items() for look in _shown(node, name in timed, HOUSE)}
    for name in wanted:
        node = _of_stem(name, stems) or name_node(name)
        out[name] = Identifier(name, "upright") if _shown(node, name in timed, HOUSE) & taken else node
        taken |= _shown(out[name], name in timed, HOUSE)
    return out


def _shown(node: Node, runs: bool, skin: Skin) -> set[Node]:
    """All that a name is ever printed as: its tree, and with a time that could be taken for a label."""
    return {node, at_time(node, _STEP, skin), at_time(node, Identifier("T"), skin)} if runs else {node}


def at_time(base: Node, time: Node, skin: Skin) -> Node:
    """A value at a time: h_t, h^{(t)}, h^{⟨t⟩} or h[t]."""
    if skin.time == "subscript":
        return with_subscript(base, time)
    if skin.time == "brackets":
        return row(base, Fenced(time, "[", "]"))
    upper = Fenced(time) if skin.time == "parentheses" else Fenced(time, "⟨", "⟩")
    if isinstance(base, Scripts) and base.sup is not None:
        return replace(base, sup=row(base.sup, upper))
    return with_superscript(base, upper)


def _refuse_alike(noted: Mapping[str, Node], timed: set[str], skin: Skin) -> None:
    """Raise ModelError E702 where a file's notation sets two of its names alike: no reader could tell them apart."""
    owner: dict[Node, str] = {}
    for name, node in noted.items():
        for look in _shown(node, name in timed, skin):
            if owner.setdefault(look, name) != name:
                found = f"the notation sets `{owner[look]}` and `{name}` alike"
                raise ModelError.at("E702", found, expected="a look of its own for every name", instead="a label: A_1, A^{(h)}, A'")


def _accented(node: Node, accent: str) -> Node:
    """The accent on the letter that carries the scripts."""
    if isinstance(node, Scripts):
        return replace(node, base=_accented(node.base, accent))
    return Over(node, accent)


@dataclass(frozen=True)
class Names:
    """Every name's tree, and the document's own letters.

    bases       name → tree, without time
    errors      name of an adjoint → the quantity whose error it is; printed as δ^{(h)}_t, for a boundary value as δ^{(h)}_{t=0}
    cost        the letter of the whole cost
    step_loss   the letter of `loss[t]`
    error       the letter of errors
    rate        the letter of the step size
    sigmoid     the letter of the logistic function, or a word where the model uses the letter
    entropy     the letter of the cross-entropy
    steps       letters of a running step: t, then those that sums over time bind where t is running already
    skin        the notation
    """

    bases: Mapping[str, Node]
    errors: Mapping[str, Quantity]
    cost: Node
    step_loss: Node
    error: Node
    rate: Node
    sigmoid: Node
    entropy: Node
    steps: tuple[Node, ...]
    skin: Skin = HOUSE

    @classmethod
    def of(cls, *systems: System, errors: Mapping[str, Quantity] | None = None, skin: Skin = HOUSE) -> Names:
        """The names of one or more Systems (a model and what was derived from it); the first System's notation goes before the later ones'.

        `errors` says which names are adjoints: its values are the quantities that they belong to.
        """
        errors = dict(errors or {})
        notation: dict[str, str] = {}
        for system in systems:
            for name, latex in system.notation:
                notation.setdefault(name, latex)
        timed = {d.name for system in systems for d in system.declarations if d.timed}
        wanted = dict.fromkeys(n for system in systems for n in (*system.by_name, *(s.name for s in system.sizes)))
        noted = {n: read_notation(n, notation[n]) for n in wanted if n in notation}
        _refuse_alike(noted, timed, skin)
        others = [n for n in wanted if n not in noted and n not in {STEP_LOSS, FINAL_LOSS, *errors}]
        of_loss = [n for n in others if _is_part_of_loss(n)]
        bases = _distinct([n for n in others if n not in of_loss], noted, noted, timed)
        if skin is not HOUSE and systems:
            bases = _in_skin(systems[0], systems[-1], skin, bases, noted, timed, {STEP_LOSS, FINAL_LOSS, *errors, *of_loss})
        letters = _own_letters(set(_letters(bases.values())), skin, all(FINAL_LOSS not in s.by_name for s in systems))
        bases = _distinct(of_loss, bases, {STEP_LOSS: letters[1]}, timed)
        return cls(bases, errors, *letters, skin)

    def base(self, name: str) -> Node:
        """The tree of a name without its time."""
        if name in (STEP_LOSS, FINAL_LOSS):
            return self.step_loss
        if name in self.errors:
            return self.error_of(self.errors[name].name)
        return self.bases[name] if name in self.bases else name_node(name)

    def error_of(self, name: str) -> Node:
        """The error of a name without its time: δ^{(h)}, ∇_h L, dC/dh or d_h."""
        return self.error_node(self.base(name), None, name)

    def error_node(self, base: Node, time: Node | None, name: str = "u") -> Node:
        """The error of what has this tree, at a time."""
        if self.skin.errors == "delta":
            error = with_superscript(self.error, Fenced(base))
        elif self.skin.errors == "name":
            error = Identifier(next((d for d, of in self.errors.items() if of.name == name), f"d_{name}"), "upright")
        else:
            return self.gradient(base if time is None else self.at(base, time), self.skin.errors == "nabla")
        return error if time is None else self.at(error, time)

    def gradient(self, of: Node, with_nabla: bool | None = None) -> Node:
        """dC/dw, or ∇_w L where the skin writes gradients so."""
        if self.skin.errors == "nabla" if with_nabla is None else with_nabla:
            return row(Scripts(Identifier("∇"), sub=of), self.cost)
        return Fraction(row(Identifier("d", "upright"), self.cost), row(Identifier("d", "upright"), of))

    @property
    def error_precedence(self) -> int:
        """How tightly an error holds together: a nabla and a fraction stand in brackets beside other factors."""
        return {"nabla": HADAMARD, "derivative": SCRIPT}.get(self.skin.errors, ATOM)

    def at(self, base: Node, time: Node) -> Node:
        """A tree with its time."""
        return at_time(base, time, self.skin)

    def time(self, time: Expr, step: Node = _STEP) -> Node:
        """A time as an index; a fixed step is `t=0` only where it could be taken for a label."""
        if not time.free_symbols and self.skin.time != "subscript":
            return row(*_integer(int(time)))
        return time_node(time, step)

    def quantity(self, quantity: Quantity, step: Node = _STEP) -> Node:
        """A quantity with its time; `step` is the letter of the running step."""
        of = self.errors.get(quantity.name)
        time = of.time if of is not None and of.is_absolute else quantity.time
        when = None if time is None else self.time(time, step)
        if of is not None:
            return self.error_node(self.base(of.name), when, of.name)
        base = self.base(quantity.name)
        return base if when is None else self.at(base, when)


def _in_skin(
    model: System, prepared: System, skin: Skin, house: Mapping[str, Node], noted: Mapping[str, Node], timed: set[str], apart: set[str]
) -> dict[str, Node]:
    """The bases as a skin wants them; where two would look alike, nearer to how they are spelled."""
    taken = set(_letters(house.values()))
    wanted = wanted_looks(model, prepared, skin, lambda name: house.get(name) or name_node(name), taken)
    names = [name for name in house if name not in apart]
    looks = {
        name: tuple(dict.fromkeys((*wanted.get(name, ()), house[name], Identifier(name, "upright"), Identifier(name, "typewriter"))))
        for name in names
    }
    return told_apart(names, noted, looks, lambda name, node: _shown(node, name in timed, skin))


def time_node(time: Expr, step: Node = _STEP) -> Node:
    """A time as a subscript: `t-1`, `T`, and `t=0` for a fixed step (so that it is not taken for a name's own index)."""
    steps, rest = time.as_coeff_Add()[::-1]
    if not time.free_symbols:
        return row(_STEP, Operator("=", "prefix"), *_integer(int(time)))
    letter = step if (time.has(t) or time.has(BOUND)) else Identifier("T")
    if steps not in (t, BOUND, T):
        raise ValueError(f"not a time: {time}")
    if rest == 0:
        return letter
    return row(letter, Operator("+" if rest > 0 else "−", "prefix"), Numeral(str(abs(int(rest)))))


def _integer(value: int) -> tuple[Node, ...]:
    digits = Numeral(str(abs(value)))
    return (Operator("−", "prefix"), digits) if value < 0 else (digits,)


def _letters(nodes: Iterable[Node]) -> Iterable[Node]:
    """The carrying letter of each tree, whatever its scripts and accents, and the whole tree."""
    for node in nodes:
        yield node
        while isinstance(node, Scripts | Over):
            node = node.base
            yield node
        if isinstance(node, Row) and node.children:
            yield node.children[0]


def carried_letters(names: Names) -> set[Node]:
    """Every letter that a name of the model carries, or the document uses for itself."""
    own = (names.cost, names.step_loss, names.error, names.rate, names.sigmoid, names.entropy)
    return set(_letters((*names.bases.values(), *own)))


def _own_letters(
    taken: set[Node], skin: Skin = HOUSE, may_share: bool = False
) -> tuple[Node, Node, Node, Node, Node, Node, tuple[Node, ...]]:
    """Cost, step loss, error, rate, sigmoid, entropy, steps: for each the first candidate that no name of the model carries."""

    def free(*candidates: Node) -> Node:
        chosen = next((c for c in candidates if c not in taken), candidates[-1])
        taken.add(chosen)
        return chosen

    cost = free(*map(_letter, skin.cost), Identifier("cost", "upright"))
    if may_share and skin.loss[0] == skin.cost[0] and cost == _letter(skin.cost[0]):
        step_loss = cost
    else:
        step_loss = free(*(_letter(c) for c in skin.loss if c != skin.cost[0]), Identifier("loss", "upright"))
    error = free(Identifier("δ"), Identifier("ε"), Identifier("η"), Identifier("err", "upright"))
    rate = free(*map(_letter, skin.rate), Identifier("rate", "upright"))
    sigmoid = free(*() if skin.literal else (Identifier("σ"),), Identifier("sigmoid", "function"))
    entropy = free(Identifier("H", "upright"), Identifier("CE", "function"))
    steps = [letter for letter in map(Identifier, "τsrklmuv") if letter not in taken]
    return cost, step_loss, error, rate, sigmoid, entropy, (_STEP, *steps, Identifier("step", "upright"))


def _letter(text: str) -> Node:
    return Identifier("L", "calligraphic") if text == "𝓛" else Identifier(text, "italic" if len(text) == 1 else "upright")


def size_node(length: Expr, names: Names) -> Node:
    """A size: a sum of names with whole factors, in the order in which the language prints it."""
    constant, terms = sympy.expand(length).as_coeff_Add()
    by_name = sorted(terms.as_coefficients_dict().items(), key=lambda item: (item[1] < 0, str(item[0])))
    signed = [(f, _multiple(f, names.base(str(s)))) for s, f in by_name if s != 0 and f != 0]
    if constant != 0 or not signed:
        signed.append((constant, Numeral(str(abs(constant)))))
    parts: list[Node] = []
    for factor, node in signed:
        if parts or factor < 0:
            parts.append(Operator("+" if factor > 0 else "−", "infix" if parts else "prefix"))
        parts.append(node)
    return row(*parts)


def _multiple(factor: Expr, node: Node) -> Node:
    return node if abs(factor) == 1 else row(Numeral(str(abs(factor))), node)
