"""One step as a graph: what flows into which operation, from the equations.

Comes in: a System. Goes out: items and links for the layered layout. An operation with several running operands is a node of its own;
static factors (parameters) stand on the links, static terms inside the boxes. What is written twice is one node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import per_sequence
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, Tensor, quantities
from rnnsym.documents.mathematics import Identifier, Node, Numeral, Operator, Scripts, Text, row, transposed
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter, juxtaposed
from rnnsym.pictures.drawing import DETAIL_SIZE, NODE_SIZE, label_room
from rnnsym.pictures.layered import Item, Link
from rnnsym.pictures.lettering import lettering

HOLE = "·"  # stands for the one running operand in `1 − ·`
WIDEST = 130.0  # pixels of letters on a link or in a box; what is wider is taken apart
_WORDS: dict[type, str] = {
    op.Softmax: "softmax", op.LogSoftmax: "log softmax", op.LogSumExp: "logsumexp", op.SumEntries: "sum", op.MeanEntries: "mean",
    op.StopGradient: "stop", op.Concat: "concat", op.Diagonal: "diag", op.Norm: "norm",
}  # fmt: skip
_SIGNS: dict[type, Node] = {
    op.Plus: Operator("+", "prefix"), op.MatrixProduct: Operator("×", "prefix"), op.Outer: Operator("⊗", "prefix"),
    op.Dot: row(*(Operator(c, "prefix") for c in "⟨,⟩")),
    op.Negate: Operator("−", "prefix"), op.Raise: Scripts(Identifier("a"), sup=Identifier("b")),
}  # fmt: skip
Operand = tuple[Basic, Node | None]  # what comes in, and the letters on its link


def _taken(node: Basic) -> Iterator[Quantity]:
    """Every quantity of an expression, those inside a sum over time at the generic step."""
    if isinstance(node, Quantity):
        yield node
        return
    for argument in (node.body,) if isinstance(node, op.Total) else node.args:
        if isinstance(argument, Basic):
            yield from _taken(argument)


def _uses(expressions: Iterable[Basic]) -> Counter[Basic]:
    """How often each compound part stands in another part: what stands in two is computed once and shown once."""
    count: Counter[Basic] = Counter()
    seen: set[Basic] = set()
    pending = list(expressions)
    while pending:
        node = pending.pop()
        if node in seen or isinstance(node, Quantity | Number):
            continue
        seen.add(node)
        inner = [a for a in ((node.body,) if isinstance(node, op.Total) else node.args) if isinstance(a, Tensor | op.Condition)]
        count.update(a for a in inner if not isinstance(a, Quantity | Number))
        pending += inner
    return count


class StepGraph:
    """Items and links of one step; made by `add_definitions`, then `finish`."""

    def __init__(self, system: System, names: Names):
        self.system = system
        hole = {HOLE: Identifier(HOLE, "upright")}
        self.setter = Typesetter(replace(names, bases={**names.bases, **hole})).inside(True)
        self.names = names
        self.running_names = per_sequence(system)
        self.items: dict[str, Item] = {}
        self.links: list[Link] = []
        self.made: dict[Basic, str] = {}
        self.kind = "readout"
        running = [q for d in system.definitions for q in _taken(d.rhs) if q.time is not None]
        self.leaving = {q.name for q in running if q.offset != 0}
        self.uses = _uses([d.rhs for d in system.definitions])
        self._add_definitions()

    def _add_definitions(self) -> None:
        for component in self.system.components:
            self.kind = "function" if component.kind == "scan" else "readout"
            for definition in component.definitions:
                if definition.is_boundary or definition.name not in self.running_names:
                    continue
                self.made[definition.lhs] = self._node(definition.rhs)
        for definition in self.system.definitions:
            if definition.lhs in self.made:
                self._finish_value(definition.lhs)

    def _finish_value(self, value: Quantity) -> None:
        """A value that leaves the step ends at the right; any other one has its name on its line."""
        key, tree = self.made[value], self.setter.names.quantity(value)
        readers = self.system.readers[value.name]
        is_loss = value.name in (STEP_LOSS, FINAL_LOSS)
        if is_loss or not readers or value.name in self.leaving:
            width, height = (50.0, 42.0) if is_loss else (48.0, 48.0)
            width = max(width, lettering(tree, NODE_SIZE).width + 18)
            kind = "loss" if is_loss else "state" if readers else "data"
            self.items[f"out {value}"] = Item(f"out {value}", kind, width, height, not is_loss, -1, tree)
            self.links.append(Link(key, f"out {value}"))
        elif self.items[key].kind not in ("data", "state", "plain") and self.items[key].name is None:
            self.items[key] = replace(self.items[key], name=tree)

    # ------------------------------------------------------------ nodes

    def _runs(self, node: Basic) -> bool:
        """Whether it differs from sequence to sequence or from step to step: then it is drawn as a line."""
        if isinstance(node, op.TimeIs):
            return False
        if isinstance(node, Quantity):
            return node.time is not None or node.name in self.running_names
        return any(self._runs(a) for a in node.args if isinstance(a, Tensor | op.Condition))

    def _node(self, node: Basic) -> str:
        """The key of the item that gives this value; made when it is first asked for."""
        if not self._runs(node):
            return self._static(node)
        if node not in self.made:
            self.made[node] = self._source(node) if isinstance(node, Quantity) else self._operation(node)
        return self.made[node]

    def _static(self, node: Basic) -> str:
        tree = self.setter.expression(node)
        width = lettering(tree, NODE_SIZE).width + 8
        if width > WIDEST and not isinstance(node, Quantity | Number):
            return self._operation(node)
        return self._add(Item(f"static {len(self.items)}", "plain", width, 20.0, False, 0, tree))

    def _source(self, node: Quantity) -> str:
        """What comes in from the left: data, and values of other steps (dashed)."""
        tree = self.setter.names.quantity(node)
        width = max(48.0, lettering(tree, NODE_SIZE).width + 18)
        carried = node.time is not None and node.offset != 0
        kind = "data" if node.kind != "variable" else "state"
        return self._add(Item(f"in {node}", kind, width, 48.0, True, 0, tree, dashed=carried))

    def _add(self, item: Item) -> str:
        self.items[item.key] = item
        return item.key

    def _join(self, item: Item, operands: list[Operand]) -> str:
        self._add(item)
        self.links += [Link(self._node(operand), item.key, label) for operand, label in operands]
        return item.key

    def _box(self, label: Node, operands: list[Operand], detail: Node | None = None, keeps_order: bool = False) -> str:
        width = max(48.0, lettering(label, NODE_SIZE).width + 20)
        width = max(width, lettering(detail, DETAIL_SIZE).width + 16 if detail else 0.0)
        key = f"box {len(self.items)}"
        return self._join(
            Item(key, self.kind, width, 54.0 if detail else 40.0, False, 0, label, detail, None, False, keeps_order), operands
        )

    def _circle(self, sign: Node, operands: list[Operand], keeps_order: bool = False) -> str:
        key = f"sign {len(self.items)}"
        return self._join(Item(key, "operator", 30.0, 30.0, True, 0, sign, keeps_order=keeps_order), operands)

    # ------------------------------------------------------------ operations

    def _operation(self, node: Basic) -> str:
        """A node for an operation with its operands."""
        if isinstance(node, op.Elementwise) and len(node.arguments) == 1:
            return self._applied(self._function_sign(node), node.arguments[0])
        if isinstance(node, op.Total):
            return self._applied(Scripts(Operator("∑", "prefix"), Identifier("t")), node.body)
        if type(node) in _WORDS and len(node.args) == 1:
            return self._applied(Identifier(_WORDS[type(node)], "function"), node.args[0])
        if isinstance(node, op.Branch):
            return self._branch(node)
        operands = self._operands(node)
        running = [operand for operand in operands if self._runs(operand[0])]
        if len({child for child, _ in running}) == 1 and not isinstance(node, op.Concat):
            whole = self._with_hole(node, running[0][0])
            if whole is not None:
                return self._box(whole, [(running[0][0], None)])
        return self._several(node, operands)

    def _several(self, node: Basic, operands: list[Operand]) -> str:
        ordered = isinstance(node, op.Quotient | op.MatrixProduct | op.Outer | op.Dot | op.Raise | op.Concat | op.Compare)
        if isinstance(node, op.Times):
            vectors = sum(bool(operand.shape) for operand, _ in operands if isinstance(operand, Tensor))
            return self._circle(Operator("⊙" if vectors > 1 else "×", "prefix"), operands)
        if isinstance(node, op.Quotient):
            return self._circle(Operator("⊘" if node.args[1].shape else "/", "prefix"), operands, True)
        if isinstance(node, op.Compare):
            return self._circle(Operator({"<=": "≤", ">=": "≥"}.get(node.comparison, node.comparison), "prefix"), operands, True)
        if type(node) in _SIGNS:
            return self._circle(_SIGNS[type(node)], operands, ordered)
        if isinstance(node, op.Elementwise):
            return self._box(Identifier(node.function, "function"), operands, keeps_order=node.function in ("mod", "clip"))
        return self._box(self._word(node), operands, keeps_order=isinstance(node, op.Concat))

    def _word(self, node: Basic) -> Node:
        """The name of an operation that has no sign."""
        if isinstance(node, op.CrossEntropy | op.SoftmaxCrossEntropy | op.SigmoidCrossEntropy):
            return self.names.entropy
        if isinstance(node, op.BinaryCrossEntropy | op.SigmoidBinaryCrossEntropy):
            return Scripts(self.names.entropy, Numeral("2"))
        if isinstance(node, op.SquaredError):
            return Text("squared error")
        return Identifier(_WORDS.get(type(node), type(node).__name__.lower()), "function")

    def _function_sign(self, node: op.Elementwise) -> Node:
        return self.names.sigmoid if node.function == "sigmoid" else Identifier(node.function, "function")

    def _applied(self, sign: Node, argument: Tensor) -> str:
        """A function of a sum: its running terms come in on links, its static terms stand in the box."""
        terms = argument.args if isinstance(argument, op.Plus) and argument not in self.made else (argument,)
        running = [self._folded(term) for term in terms if self._runs(term)]
        static = [term for term in terms if not self._runs(term)]
        detail = self._detail(static) if running else None
        if static and running and detail is None:
            return self._box(sign, [*running, *((term, None) for term in static)])
        return self._box(sign, running or [(argument, None)], detail)

    def _detail(self, terms: list[Tensor]) -> Node | None:
        """Static terms as they stand in a box: `+ b`."""
        parts: list[Node] = []
        for term in terms:
            negative = isinstance(term, op.Negate)
            parts += [
                Operator("−" if negative else "+", "prefix"),
                Identifier(" "),
                self.setter.expression(term.args[0] if negative else term),
            ]
        tree = row(*parts) if parts else None
        return tree if tree is not None and lettering(tree, DETAIL_SIZE).width <= WIDEST else None

    def _branch(self, node: op.Branch) -> str:
        condition, first, second = node.args
        arms: list[Operand] = [(first, Text("then")), (second, Text("else"))]
        if not self._runs(condition):
            return self._box(self.setter.expression(condition), arms, keeps_order=True)
        return self._box(Text("if"), [(condition, None), *arms], keeps_order=True)

    def _operands(self, node: Basic) -> list[Operand]:
        """The operands, running ones with what stands before them; nested max and min count as one."""
        if isinstance(node, op.Elementwise):
            arguments = list(node.arguments)
            while node.function in ("min", "max") and isinstance(arguments[0], op.Elementwise) and arguments[0].function == node.function:
                arguments[:1] = arguments[0].arguments
        else:
            arguments = [a for a in node.args if isinstance(a, Tensor | op.Condition)]
        return [self._folded(a) if self._runs(a) else (a, None) for a in arguments]

    # ------------------------------------------------------------ links

    def _folded(self, term: Basic) -> Operand:
        """A linear term as its one running factor and what stands before it: W @ x is x, with W on the link."""
        inner, parts, behind = term, [], None
        while inner not in self.made and (self.uses[inner] < 2 or isinstance(inner, op.Negate)):
            step = self._peeled(inner)
            if step is None:
                break
            inner, before, after = step
            parts += [before] if before is not None else []
            behind = after if behind is None else behind
        label: Node | None = None
        for part in parts:
            label = part if label is None else juxtaposed(label, part)
        if behind is not None:
            label = row(*((label,) if label is not None else ()), behind)
        if label is not None and label_room(label)[0] > WIDEST:
            return term, None
        return inner, label

    def _peeled(self, node: Basic) -> tuple[Basic, Node | None, Node | None] | None:
        """One static factor taken off: what is left, what stands before it, what stands behind it."""
        if isinstance(node, op.Negate):
            return node.args[0], Operator("−", "prefix"), None
        if isinstance(node, op.MatrixProduct) and not self._runs(node.args[0]):
            return node.args[1], self.setter.expression(node.args[0], 5), None
        if isinstance(node, op.Dot) and not all(map(self._runs, node.args)):
            static, running = sorted(node.args, key=self._runs)
            return running, transposed(self.setter.expression(static, 6)), None
        if isinstance(node, op.Transposed):
            return node.args[0], None, Scripts(Identifier(HOLE, "upright"), sup=Operator("⊤", "prefix"))
        if isinstance(node, op.Quotient) and not self._runs(node.args[1]):
            return node.args[0], None, row(Operator("/", "prefix"), self.setter.expression(node.args[1], 5))
        if isinstance(node, op.Times):
            running = [factor for factor in node.args if self._runs(factor)]
            if len(running) == 1:
                static = op.Times(*(factor for factor in node.args if factor is not running[0]))
                tree = self.setter.expression(static, 5)
                both = static.shape and running[0].shape
                return running[0], row(tree, Operator(" ⊙", "prefix")) if both else tree, None
        return None

    def _with_hole(self, node: Basic, child: Basic) -> Node | None:
        """The operation as it is printed, with a dot for its one running operand; None where that is too wide."""
        if isinstance(child, op.Condition):
            return None
        hole = Quantity(HOLE, child.shape)
        tree = self.setter.expression(node.xreplace({child: hole}))
        rest = [q for q in quantities(node.xreplace({child: hole})) if q.name != HOLE and self._runs(q)]
        return tree if not rest and lettering(tree, NODE_SIZE).width <= WIDEST else None
