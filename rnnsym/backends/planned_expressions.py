"""Operations as NumPy expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rnnsym.backends.operations import COMPARISONS, INTO, PLAIN, UFUNCS
from rnnsym.backends.planned_lines import WHOLE, real_part
from rnnsym.backends.planned_operands import PassOperands
from rnnsym.program.columns import QUIET
from rnnsym.program.ops import ALONE, ALWAYS, PER_STEP, Amount, Op, Operand, Ref


@dataclass
class PassExpressions(PassOperands):
    """Operands of a pass, and the expressions that they stand in."""

    def _expression(self, op: Op, args: list[str], rank: int, axes: int) -> str:
        function = op.function
        details = tuple(d for d in op.details if d != QUIET)
        batched = axes > ALONE
        features = "-2" if batched else "-1"
        if function in UFUNCS:
            return f"np.{UFUNCS[function]}({', '.join(args)})"
        if function in COMPARISONS:
            return " ".join([real_part(args[0], op.args[0]), COMPARISONS[function], real_part(args[1], op.args[1])])
        if function in PLAIN or function in INTO:
            word = PLAIN.get(function) or {"complement": "sigmoid", "max": "maximum", "min": "minimum"}.get(function, function)
            if function == "complement":
                args = [f"-{args[0]}" if re.fullmatch(r"[\w.\[\]]+", args[0]) else f"-({args[0]})"]
            return f"{word if word.startswith('np.') else self.function(word)}({', '.join(args)})"
        if function == "where":
            return f"np.where({', '.join(args)})"
        if function == "softmax_cross_entropy":
            return f"{self.column_function('softmax_loss')}({', '.join([*args, features, *self._softmax_at_hand(op)])})"
        if function == "softmax":
            return f"{self.column_function('softmax_rows')}({args[0]}, {features})"
        if function in ("log_softmax", "logsumexp"):
            return f"{self.function(function + '_rows')}({args[0]}, {features})"
        if function in ("sum", "mean"):
            return self._summed(args[0], op.args[0], mean=function == "mean")
        if function == "norm":
            return f"np.sqrt({self._summed(f'np.square({args[0]})', op.args[0])})"
        if function == "dot":
            column = op.args[0] if self._axes(op.args[0]) > ALONE else op.args[1]
            return self._summed(f"np.multiply({args[0]}, {args[1]})", column)
        if function == "concat":
            return self._concatenated(op, args, batched)
        if function == "roll":
            return f"np.roll({args[0]}, {details[0]}, {features})"
        if function == "matvec":
            return self._matvec(op, args, batched)
        if function == "matmul":
            return f"np.matmul({args[0]}, {args[1]})"
        if function == "outer":
            if not batched:
                return f"np.multiply({args[0]}[:, None], {args[1]})"
            a, b = (self._columns(text, a) for text, a in zip(args, op.args, strict=True))
            return f"{a}[..., :, None] * {b}[..., None, :]"
        if function == "scale_rows":
            return f"{self._columns(args[0], op.args[0]) if batched else args[0]}[..., None] * {args[1]}"
        if function == "scale_columns":
            return f"{args[0]} * {self._columns(args[1], op.args[1]) if batched else args[1]}[..., None, :]"
        if function == "row_sums":
            text = f"{args[0]}.sum(-1)"
            return f"{text}.swapaxes(-1, -2)" if self._axes(op.args[0]) > ALONE else text
        if function == "columns":
            return f"{self.function('gathered')}({', '.join(args)})"
        if function == "one_hot":
            self.functions |= {"turned", "one_hot"}
            return f"turned(one_hot({args[0]}, {self.size(details[0])}, dtype))"
        if function == "dense":
            return f"{self.function('dense')}({args[0]}, {self.size(details[0])}, dtype)"
        if function in ("zeros", "ones"):
            shape = ", ".join(map(self.size, self.cells[op.out].shape))
            return f"np.{function}(({shape},), dtype)" if "," not in shape else f"np.{function}(({shape}), dtype)"
        if function == "eye":
            return f"np.eye({self.size(self.cells[op.out].shape[0])}, dtype=dtype)"
        if function == "array":
            return f"np.asarray({args[0]}, dtype)"
        if function == "for_each":
            return f"batch * {args[0]}"
        if function == "excess":
            return f"{self.function('excess')}({args[0]}, {args[1]})"
        if function == "affine":
            count = details[0]
            terms = [f"{args[2 * k]} @ {args[2 * k + 1]}" for k in range(count)] + args[2 * count :]
            return " + ".join(terms)
        if function == "every_step":
            return self._every_step(op, args)
        if function == "valid":
            return self._valid(op, args)
        raise AssertionError(f"no NumPy for {function}")

    def _softmax_at_hand(self, op: Op) -> list[str]:
        """The softmax of the same argument, where an operation before this one has computed it."""
        for phase in self.plan.forward if self.side == "forward" else ():
            for other in phase.ops:
                if other is op:
                    return []
                if other.function == "softmax" and other.args == op.args[1:] and other.guard == ALWAYS and not other.place:
                    ref = Ref(other.out, 0 if self.cells[other.out].axes == PER_STEP else None)
                    return [self.text(ref, 1)]
        return []

    def _summed(self, text: str, operand: Operand, out: str = "", mean: bool = False) -> str:
        """The sum or mean of entries; over the features of vectors side by side as a product, which is sooner done."""
        ones = self.ones(operand, mean)
        into = f", out={out}" if out else ""
        if ones:
            return f"{ones}.dot({text}{into})" if self.kind == "scan" else f"np.matmul({ones}, {text}{into})"
        axis = self._entries_axis(operand)
        if out:
            return f"np.{'mean' if mean else 'add.reduce'}({text}, axis={axis}, out={out})"
        return f"{text}.{'mean' if mean else 'sum'}({axis})"

    def ones(self, operand: Operand, mean: bool) -> str:
        """A vector of ones, or of the shares of a mean, by which a vector per sequence is summed; "" for anything else."""
        if not isinstance(operand, Ref) or self.kind == "static":
            return ""
        cell, length = self.cells[operand.name], self._length(operand)
        if cell.rank != 1 or cell.axes == ALONE or cell.entries != "number" or length is None:
            return ""
        key = ("ones", length, mean)
        if key not in self.views:
            count = self.size(length)
            text = f"np.full({count}, 1 / {f'({count})' if ' ' in count else count}, dtype)" if mean else f"np.ones({count}, dtype)"
            self.views[key] = (self.fresh("shares" if mean else "ones"), text)
        return self.views[key][0]

    def _entries_axis(self, inner: Operand) -> str:
        own = self._axes(inner) > ALONE
        if self._operand_rank(inner) == 1:
            return "-2" if own else "-1"
        return "(-2, -1)"

    def _columns(self, text: str, operand: Operand) -> str:
        """A vector with its features last."""
        return text if self._axes(operand) == ALONE else f"{self.function('turned')}({text})"

    def _concatenated(self, op: Op, args: list[str], batched: bool) -> str:
        if batched:
            parts = [self._spread_part(a, text) for a, text in zip(op.args, args, strict=True)]
            self.functions |= {"concat", "turned"}
            return f"turned(concat({', '.join(parts)}))"
        parts = [
            text if self._operand_rank(a) else f"np.reshape(np.asarray({text}, dtype), 1)" for a, text in zip(op.args, args, strict=True)
        ]
        return f"np.concatenate(({', '.join(parts)}{',' if len(parts) == 1 else ''}))"

    def _spread_part(self, operand: Operand, text: str) -> str:
        if self._operand_rank(operand) == 0:
            return f"np.asarray({text}, dtype)[..., None]"
        return self._columns(text, operand)

    def _matvec(self, op: Op, args: list[str], batched: bool) -> str:
        matrix, vector = op.args
        if not batched:
            return f"np.matmul({args[0]}, {args[1]})"
        if self._axes(matrix) == ALONE:
            return f"np.matmul({args[0]}, {args[1]})"
        if self._axes(vector) == ALONE:
            text = args[1].removesuffix("[:, None]")
            return f"{self.function('turned')}(np.matmul({args[0]}, {text}))"
        return f"{self.function('batch_matvec')}({args[0]}, {args[1]})"

    def _every_step(self, op: Op, args: list[str]) -> str:
        operand, rank = op.args[0], self.cells[op.out].rank
        shape = {0: "(steps, batch)", 1: "(steps, {0}, batch)", 2: "(steps, batch, {0}, {1})"}[rank]
        shape = shape.format(*map(self.size, self.cells[op.out].shape))
        text = f"np.asarray({args[0]}, dtype)" if isinstance(operand, Amount) or operand.name in self.weak else args[0]
        if rank == 1 and self._axes(operand) == ALONE and not text.endswith("[:, None]"):
            text = f"{text}[:, None]"
        return f"np.broadcast_to({text}, {shape})[{WHOLE}]" if self.kind == "map" else f"np.broadcast_to({text}, {shape})"

    def _valid(self, op: Op, args: list[str]) -> str:
        padding = f"run.padding if run.padding is None else run.padding[{WHOLE}]" if self.kind == "map" else "run.padding"
        self.functions |= {"valid", "turned"}
        if self.cells[op.out].rank == 1:
            return f"turned(valid(turned({args[0]}), {padding}))"
        return f"valid({args[0]}, {padding})"


__all__ = ["PassExpressions"]
