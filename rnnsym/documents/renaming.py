"""What a skin calls a model's names: parameters by what they multiply, pre-activations, what is compared with a target.

Comes in: the model, the System prepared from it, and a skin. Goes out: wanted trees, name by name, and `told_apart`, which gives a name
another look where two would be typeset alike. Roles are read off the equations; nothing is concluded from how a name is spelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.calculus.naming import walk
from rnnsym.documents.mathematics import Fenced, Identifier, Node, Over, Row, Scripts
from rnnsym.documents.skins import Skin

Look = Callable[[str], Node]  # the tree of a name as the house sets it


def wanted_looks(model: System, prepared: System, skin: Skin, house: Look, taken: set[Node]) -> dict[str, tuple[Node, ...]]:
    """What the skin calls the names, its first choice first; names that it says nothing of are missing.

    `taken` are letters of the model, which pre-activations do not share.
    """
    if skin.literal:
        return {d.name: (Identifier(d.name, "upright"),) for d in prepared.declarations}
    found: dict[str, tuple[Node, ...]] = {d.name: (_labelled(house(d.name), skin),) for d in prepared.of_kind("param", "constant")}
    for name, node in _by_role(prepared, skin, house).items():
        found[name] = (node, *found[name])
    return found | {name: (node,) for name, node in _activations(model, prepared, skin, house, taken).items()}


# ---------------------------------------------------------------- parameters


def _labelled(node: Node, skin: Skin) -> Node:
    """A parameter with its label where the skin has it."""
    if skin.labels == "subscript" or not isinstance(node, Scripts) or node.sub is None or node.sup is not None:
        return node
    return Scripts(node.base, sup=Fenced(node.sub) if skin.labels == "bracketed" else node.sub)


def _by_role(prepared: System, skin: Skin, house: Look) -> dict[str, Node]:
    """Parameters of one role share a letter; where they are several, each keeps its label."""
    members: dict[str, list[str]] = {}
    for name, role in parameter_roles(prepared).items():
        if role in skin.roles:
            members.setdefault(skin.roles[role], []).append(name)
    found = {}
    for letter, names in members.items():
        for name in names:
            own = house(name)
            label = own.sub if isinstance(own, Scripts) and len(names) > 1 else None
            base = Identifier(letter)
            found[name] = base if label is None else _labelled(Scripts(base, sub=label), skin)
    return found


def parameter_roles(prepared: System) -> dict[str, str]:
    """What each parameter does: "input", "recurrent" or "output" by what it multiplies, "bias" or "output bias" where it is added.

    A parameter that does several of these has no role.
    """
    found: dict[str, set[str]] = {}
    for definition in prepared.definitions:
        own = [(name, _role_of_operand(operand, prepared)) for name, operand in _products(definition.rhs)]
        for name, role in own:
            found.setdefault(name, set()).add(role)
        is_output = bool(own) and all(role == "output" for _, role in own)
        for name in _added(definition.rhs) if own else ():
            found.setdefault(name, set()).add("output bias" if is_output else "bias")
    return {name: roles.pop() for name, roles in found.items() if len(roles) == 1}


def _products(rhs: Tensor) -> Iterator[tuple[str, Tensor]]:
    for node in walk(rhs):
        if isinstance(node, op.MatrixProduct) and isinstance(node.args[0], Quantity) and node.args[0].kind == "param":
            yield node.args[0].name, node.args[1]


def _role_of_operand(operand: Tensor, prepared: System) -> str:
    reads = list(quantities(operand))
    if any(q.offset for q in reads):
        return "recurrent"
    if any(q.kind in ("input", "token") for q in reads):
        return "input"
    for quantity in reads:  # a part that was given a name: what stands in it counts
        definition = prepared.defined.get(quantity.name)
        if definition is not None and _is_part(quantity.name):
            return _role_of_operand(definition.rhs, prepared)
    return "output"


def _is_part(name: str) -> bool:
    return name.rstrip("0123456789").endswith("_hat")


def _added(rhs: Tensor) -> Iterator[str]:
    if isinstance(rhs, op.Plus):
        yield from (term.name for term in rhs.args if isinstance(term, Quantity) and term.kind == "param")


# ---------------------------------------------------------------- variables


def _activations(model: System, prepared: System, skin: Skin, house: Look, taken: set[Node]) -> dict[str, Node]:
    """Pre-activations that got names of their own, and what a cross-entropy reads."""
    found: dict[str, Node] = {}
    made = [d for d in prepared.definitions if d.name not in model.by_name and _owner(d.name) is not None]
    outputs = dict(_outputs(prepared))
    hidden = [d for d in made if d.name not in outputs]
    letter = next((Identifier(c) for c in skin.activations if Identifier(c) not in taken), None)
    if letter is not None:
        for definition in hidden:
            found[definition.name] = letter if len(hidden) == 1 else _of_owner(letter, definition, skin, house)
    out = next((Identifier(c) for c in skin.outputs if Identifier(c) not in taken), letter)
    for name, (target, estimate) in outputs.items():
        if any(d.name == name for d in made) and out is not None:
            only = len(outputs) == 1 and (out != letter or not hidden)
            found[name] = out if only else _of_owner(out, prepared.defined[name], skin, house)
        if skin.estimate and estimate is not None:
            found[estimate] = _with_hat(house(target))
    return found


def _owner(name: str) -> str | None:
    """h for h_bar, h_bar2."""
    stem, mark, number = name.rpartition("_bar")
    return stem if mark and (not number or number.isdigit()) and stem else None


def _of_owner(letter: Node, definition: Definition, skin: Skin, house: Look) -> Node:
    """z^{(h)}, a_h; a second one of the same owner carries its number."""
    owner = _owner(definition.name) or definition.name
    number = definition.name.rpartition("_bar")[2]
    label = house(owner)
    if number:
        label = Row((label, Identifier(number, "upright")))
    return Scripts(letter, sup=Fenced(label)) if skin.labels == "bracketed" else Scripts(letter, sub=label)


def _outputs(prepared: System) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """What enters a softmax or sigmoid that a loss takes as one → the target, and the name of the softmax's value where it has one."""
    values = {d.rhs.args[0].name: d.name for d in prepared.definitions if _acts_on_a_name(d.rhs)}
    for definition in prepared.definitions:
        for node in walk(definition.rhs):
            if isinstance(node, op.SoftmaxCrossEntropy) and all(isinstance(a, Quantity) for a in node.args):
                target, logits = node.args
                yield logits.name, (target.name, values.get(logits.name))


def _acts_on_a_name(rhs: Tensor) -> bool:
    return isinstance(rhs, op.Softmax) and isinstance(rhs.args[0], Quantity) and rhs.args[0].offset == 0


def _with_hat(node: Node) -> Node:
    return replace(node, base=_with_hat(node.base)) if isinstance(node, Scripts) else Over(node, "hat")


# ---------------------------------------------------------------- no two alike


def told_apart(
    names: Iterable[str], fixed: Mapping[str, Node], looks: Mapping[str, tuple[Node, ...]], shown: Callable[[str, Node], set[Node]]
) -> dict[str, Node]:
    """A tree for every name: of its `looks`, in the order of preference, the first with which no two names are typeset alike.

    fixed   trees that stay whatever happens (a file's own notation)
    shown   all that a name with a tree is ever printed as: with time and without

    Of two that clash, the one that is further from how it is spelled gives way.
    """
    order = [n for n in names if n not in fixed]
    choice = dict.fromkeys(order, 0)
    while True:
        owner: dict[Node, str] = {look: name for name, node in fixed.items() for look in shown(name, node)}
        clashing: str | None = None
        for name in order:
            mine = shown(name, looks[name][choice[name]])
            other = next((owner[look] for look in mine if look in owner), None)
            if other is not None:
                clashing = _gives_way(name, other, choice, looks)
                break
            owner.update(dict.fromkeys(mine, name))
        if clashing is None:
            return {**fixed, **{name: looks[name][choice[name]] for name in order}}
        choice[clashing] += 1


def _gives_way(name: str, other: str, choice: Mapping[str, int], looks: Mapping[str, tuple[Node, ...]]) -> str:
    """Of two names the one with more looks left; the later one where both have as many, or the other one is fixed."""
    left = {n: len(looks[n]) - 1 - choice[n] for n in (name, other) if n in choice}
    if other in left and left[other] > left[name]:
        return other
    assert left[name] > 0, f"no look is left for {name}"
    return name
