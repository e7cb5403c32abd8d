"""Kernels as C: one small file that the system's compiler builds, for float and for double.

Comes in: the kernels of a plan's scans, and which values they read and write. Goes out: the text of the file. Each function computes one
step: it is given the step, the shape, and for every array its address, the distance between steps and between rows, in bytes.
The exponential is Cody & Waite's reduction with a polynomial (Software Manual for the Elementary Functions, 1980); the hyperbolic
tangent of a float the quotient of the polynomials that Eigen uses (13 and 6), within 5 ulp..
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import sympy

from rnnsym.program.kernels import Kernel
from rnnsym.program.ops import ALONE, Amount, Cell, Op, Operand, Ref
from rnnsym.program.planning import Plan
from rnnsym.program.storage import STEP, STORED, resolved

HEAD = """/* {title}: the parts of its loops that act entry by entry. {made}
 *
 * Built by the module beside it on first use, for this machine, and compared with NumPy before it is used. Each function computes
 * step t. A call's block holds the numbers of features and sequences, then for each array its address at step 0, the bytes from
 * step to step, and from feature to feature. (This file includes itself: once for float, once for double.)
 */
#ifndef REAL
#include <math.h>
#include <stdint.h>
#include <string.h>

#define AT(k) ((REAL *)((char *)block[2 + 3 * k] + t * block[3 + 3 * k]))
#define ROW(k, j) ((REAL *)((char *)AT(k) + j * block[4 + 3 * k]))

static inline float power_of_two(int32_t n)
{{
    const int32_t bits = (n + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}}

static inline float exp_float(float x)
{{
    /* 2^n e^r with n = round(x / log 2), |r| <= log(2) / 2 */
    float y = x > 88.72283f ? 88.72283f : x;
    y = y < -87.33654f ? -87.33654f : y;
    const float n = (y * 1.44269504f + 12582912.0f) - 12582912.0f;
    const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t whole = (int32_t)n, half = whole >> 1;
    p = p * power_of_two(half) * power_of_two(whole - half);
    p = x > 88.72283f ? INFINITY : p;
    return x < -87.33654f ? 0.0f : p;
}}

static inline float tanh_float(float x)
{{
    float y = x > 7.90531110763549805f ? 7.90531110763549805f : x;
    y = y < -7.90531110763549805f ? -7.90531110763549805f : y;
    const float s = y * y;
    float a = -2.76076847742355e-16f;
    a = a * s + 2.00018790482477e-13f;
    a = a * s - 8.60467152213735e-11f;
    a = a * s + 5.12229709037114e-08f;
    a = a * s + 1.48572235717979e-05f;
    a = a * s + 6.37261928875436e-04f;
    a = a * s + 4.89352455891786e-03f;
    float b = 1.19825839466702e-06f;
    b = b * s + 1.18534705686654e-04f;
    b = b * s + 2.26843463243900e-03f;
    b = b * s + 4.89352518554385e-03f;
    return y * a / b;
}}

static inline double exp_double(double x) {{ return exp(x); }}
static inline double tanh_double(double x) {{ return tanh(x); }}

#define REAL float
#define NAME(f) f##_float
#include __FILE__
#undef REAL
#undef NAME
#define REAL double
#define NAME(f) f##_double
#include __FILE__
#else

static inline REAL NAME(sigmoid)(REAL x) {{ return 1 / (1 + NAME(exp)(-x)); }}
static inline REAL NAME(complement)(REAL x) {{ return 1 / (1 + NAME(exp)(x)); }}
static inline REAL NAME(relu)(REAL x) {{ return x != x || x > 0 ? x : 0; }}
static inline REAL NAME(max)(REAL x, REAL y) {{ return x != x || x >= y ? x : y; }}
static inline REAL NAME(min)(REAL x, REAL y) {{ return x != x || x <= y ? x : y; }}
static inline REAL NAME(abs)(REAL x) {{ return x < 0 ? -x : x; }}
static inline REAL NAME(sign)(REAL x) {{ return x != x ? x : (REAL)((x > 0) - (x < 0)); }}
static inline REAL NAME(root)(REAL x) {{ return sizeof(REAL) == sizeof(float) ? (REAL)sqrtf((float)x) : (REAL)sqrt((double)x); }}
"""

BINARY = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
COMPARED = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
CALLED = ("exp", "tanh", "sigmoid", "complement", "relu", "max", "min", "abs", "sign")


@dataclass
class CFunction:
    """One kernel as a C function, and what it is to be given.

    name       of the function, without the type's suffix
    arrays     for each address: a reference, or the name of a value that does not run in time
    """

    name: str
    arrays: list[Ref] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    numbers: tuple[int, ...] = ()


def c_function(name: str, kernel: Kernel, plan: Plan, outer: set[str]) -> CFunction:
    """A kernel as a function; `outer`: results that something outside the kernel reads."""
    return _Writer(name, kernel, plan, outer).function


class _Writer:
    def __init__(self, name: str, kernel: Kernel, plan: Plan, outer: set[str]):
        self.plan, self.cells, self.places = plan, plan.cells, plan.storage.places
        self.kernel, self.outer = kernel, outer
        self.function = CFunction(name, numbers=tuple(sorted({n for op in kernel.ops for n in op.numbers})))
        self.index: dict[tuple, int] = {}
        self.value: dict[tuple, str] = {}
        self.taken: set[str] = {"t", "block", "count", "j", "b"}
        self.body: list[str] = []
        self.loads: dict[str, str] = {}
        for op in kernel.ops:
            self._op(op)
        self._assemble()

    def _array(self, ref: Ref) -> int:
        place = resolved(ref, self.places)
        key = (place.name, place.delay, place.rows)
        if key not in self.index:
            self.index[key] = len(self.index)
            self.function.arrays.append(ref)
        return self.index[key]

    def _word(self, ref: Ref) -> str:
        name = re.sub(r"\W", "", ref.name)
        if ref.name.startswith("%"):
            name = "v" + name
        if ref.delay:
            name += f"_{'next' if ref.delay > 0 else 'prev'}" + (str(abs(ref.delay)) if abs(ref.delay) > 1 else "")
        word, count = name + "_", 1
        while word in self.taken:
            count += 1
            word = f"{name}_{count}"
        self.taken.add(word)
        return word

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Amount):
            return self._number(operand.value)
        ref = operand
        key = (ref.name, ref.delay, ref.rows)
        if key in self.value:
            return self.value[key]
        word = self._word(ref)
        k = self._array(ref)
        cell = self.cells[ref.name]
        own = (ref.rows[1] - ref.rows[0]) if ref.rows else cell.shape[0] if cell.rank == 1 else None
        if cell.axes == ALONE:
            index = f"ROW({k}, j)[0]" if own is not None else f"AT({k})[0]"
        elif own is None:
            index = f"AT({k})[b]"
        else:
            index = f"ROW({k}, j)[b]"
        self.body.append(f"const REAL {word} = {index};")
        self.value[key] = word
        return word

    def _number(self, value: sympy.Expr) -> str:
        if value is sympy.oo:
            return "(REAL)INFINITY"
        if value is -sympy.oo:
            return "(-(REAL)INFINITY)"
        if value.free_symbols:
            k = self._array(Ref(f"#{value}"))
            return f"AT({k})[0]"
        if value.is_Integer and abs(value) < 10**6:
            return str(value) if value >= 0 else f"({value})"
        return f"(REAL){float(value)!r}" if value >= 0 else f"((REAL){float(value)!r})"

    def _op(self, op: Op) -> None:
        args = [self._operand(a) for a in op.args]
        text = self._expression(op.function, args)
        ref = Ref(op.out, 0)
        word = self._word(ref)
        kind = "int" if self.cells[op.out].entries == "truth" else "REAL"
        self.body.append(f"const {kind} {word} = {text};")
        self.value[op.out, 0, None] = word
        held = self.plan.storage.held.get(resolved(ref, self.places).name, STORED)
        if self.cells[op.out].entries == "number" and (held != STEP or op.out in self.outer):
            k = self._array(ref)
            vector = self.kernel.length is not None
            self.body.append(f"ROW({k}, j)[b] = {word};" if vector else f"AT({k})[b] = {word};")

    def _expression(self, function: str, args: list[str]) -> str:
        if function in BINARY:
            return f"{args[0]} {BINARY[function]} {args[1]}"
        if function in COMPARED:
            return f"{args[0]} {COMPARED[function]} {args[1]}"
        if function in CALLED:
            return f"NAME({function})({', '.join(args)})"
        if function == "negative":
            return f"-{args[0]}"
        if function == "square":
            return f"{args[0]} * {args[0]}"
        if function == "sqrt":
            return f"NAME(root)({args[0]})"
        if function == "where":
            return f"{args[0]} ? {args[1]} : {args[2]}"
        return args[0]

    def _assemble(self) -> None:
        function = self.function
        cited = f"/* equations {', '.join(map(str, function.numbers))} */\n" if function.numbers else ""
        lines = [f"\n{cited}void NAME({function.name})(const int64_t *block, int t)", "{"]
        if not self._has_thin():  # every array is contiguous over features and sequences
            body = [re.sub(r"ROW\((\d+), j\)\[b\]|AT\((\d+)\)\[b\]", lambda m: f"p{m[1] or m[2]}[b]", line) for line in self.body]
            used = sorted({int(k) for line in body for k in re.findall(r"\bp(\d+)\[b\]", line)})
            written = {int(k) for line in body for k in re.findall(r"^p(\d+)\[b\] =", line)}
            lines += ["    const long count = block[0] * block[1];"]
            lines += [f"    {'' if k in written else 'const '}REAL *restrict p{k} = AT({k});" for k in used]
            lines += ["#pragma GCC ivdep", "    for (long b = 0; b < count; b++) {", *(f"        {line}" for line in body), "    }", "}"]
        else:
            lines += ["    for (long j = 0; j < block[0]; j++) {", "#pragma GCC ivdep", "        for (long b = 0; b < block[1]; b++) {"]
            lines += [f"            {line}" for line in self.body]
            lines += ["        }", "    }", "}"]
        function.lines = lines

    def _has_thin(self) -> bool:
        """Whether an operand is a column of parameters, or one number per sequence."""
        for ref in self.function.arrays:
            if ref.name.startswith("#"):
                continue
            cell: Cell = self.cells[ref.name]
            if cell.rank == 0 and cell.axes > ALONE:
                return True
            if cell.rank == 1 and cell.axes == ALONE:
                return True
        return False


def c_source(title: str, made: str, functions: list[CFunction]) -> str:
    """The whole file."""
    safe = re.sub(r"[^\w .,:;()-]", " ", title)
    parts = [HEAD.format(title=safe, made=re.sub(r"[^\w .,:;()-]", " ", made))]
    parts += ["\n".join(f.lines) + "\n" for f in functions]
    return "".join(parts) + "\n#endif\n"


def needed_outside(segments: list, index: int) -> set[str]:
    """What the segments beside this one read of it."""
    found = set()
    for k, segment in enumerate(segments):
        if k != index:
            for op in segment.ops if isinstance(segment, Kernel) else (segment,):
                found |= {ref.name for ref in op.reads}
    return found


__all__ = ["CFunction", "c_function", "c_source", "needed_outside"]
