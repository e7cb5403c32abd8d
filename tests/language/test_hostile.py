"""Hostile text is refused in bounded time and memory, with a proper error; nothing of it is ever evaluated."""

from __future__ import annotations

import time
import warnings

import pytest

from rnnsym.errors import ModelError
from rnnsym.language import load, parse


def _equation(right: str) -> str:
    return f"x: input\nh[t] = {right}\n"


def _doubling(count: int) -> str:
    """Functions that call the one before twice: 2**count terms."""
    first = "def f0(u):\n    return u + u\n"
    others = "".join(f"def f{i}(u):\n    return f{i - 1}(u) * f{i - 1}(u)\n" for i in range(1, count))
    return f"x: input\n{first}{others}h[t] = f{count - 1}(x[t])\n"


def _squaring(count: int) -> str:
    """Local names that double an expression again and again."""
    lines = "".join(f"    u{i + 1} = u{i} * u{i}\n" for i in range(count))
    return f"x: input\ndef f(u0):\n{lines}    return u{count}\nh[t] = f(x[t])\n"


REFUSED = {
    "ten megabytes": ("a" * 10_000_000, "E101"),
    "a comment of ten megabytes": ("#" * 10_000_000, "E101"),
    "a million terms": (_equation(" + ".join(["x[t]"] * 1_000_000)), "E101"),
    "a hundred thousand ones": (_equation("+".join(["1"] * 100_000)), "E104"),
    "three thousand terms": (_equation(" + ".join(["x[t]"] * 3_000)), "E104"),
    "five thousand brackets": (_equation("(" * 5_000 + "x[t]" + ")" * 5_000), "E104"),
    "a hundred thousand signs": (_equation("-" * 100_000 + "x[t]"), "E104"),
    "signs with spaces": (_equation("- " * 5_000 + "x[t]"), "E104"),
    "three thousand conditions": (_equation("x[t] if x[t] > 0 else " * 3_000 + "0"), "E104"),
    "five thousand powers": (_equation("**".join(["2"] * 5_000)), "E104"),
    "nine hundred quotients": (_equation(" / ".join(["x[t]"] * 900)), "E104"),
    "not not not": (_equation("not " * 5_000 + "x[t]"), "E113"),
    "lambda after lambda": (_equation("lambda: " * 3_000 + "0"), "E113"),
    "a tower of powers": (_equation("x[t] * 9**9**9"), "E107"),
    "a large power": (_equation("x[t] * 10**400"), "E107"),
    "a long number": (_equation("9" * 100_000), "E107"),
    "a number beyond floats": (_equation("1e999999999999"), "E107"),
    "a number below floats": (_equation("1e-999999999999"), "E107"),
    "a root of a negative number": (_equation("x[t] * (-8)**0.5"), "E107"),
    "a long name": (_equation("a" * 1_000), "E104"),
    "too many tokens": ("\n" * 200_000, "E104"),
    "functions that double": (_doubling(60), "E104"),
    "a function that squares": (_squaring(200), "E104"),
    "functions nested for ever": (_doubling(600).replace("* f", "+ 0 * f"), "E104"),
    "a null byte": (_equation("x[t]\0"), "E101"),
    "a null byte in a comment": (_equation("x[t]  # \0"), "E101"),
    "half a character": (_equation("x[t]  # \ud800"), "E101"),
    "half a name": (_equation("\ud800"), "E101"),
    "half a character, escaped": ('"""\\ud800"""\n' + _equation("x[t]"), "E101"),
    "a null byte, escaped": ('"""\\x00"""\n' + _equation("x[t]"), "E101"),
    "a line end that editors hide": (_equation("x[t]  # a\u2028b"), "E101"),
    "text that runs backwards": (_equation("x[t]  # \u202e b"), "E101"),
    "a zero-width space": ("h\u200b[t] = 1\n", "E101"),
    "a look-alike letter": ("ℎ[t] = 1\n", "E103"),
    "an emoji": ("😀[t] = 1\n", "E103"),
    "dunder import": (_equation("__import__(x[t])"), "E113"),
    "dunder attribute": (_equation("x[t].__class__.__bases__"), "E113"),
    "an attribute": (_equation("x[t].shape"), "E106"),
    "a method": (_equation("x[t].tofile(x[t])"), "E106"),
    "eval": (_equation("eval(x[t])"), "E203"),
    "exec of a text": (_equation('exec("1")'), "E106"),
    "an import": ("import os\n", "E113"),
    "a walrus": (_equation("(a := 3)"), "E105"),
    "a comprehension": (_equation("[a for a in x]"), "E113"),
    "a generator": (_equation("sum(a for a in x)"), "E113"),
    "a formatted text": (_equation("f'{x}'"), "E106"),
    "bytes": (_equation("b'a'"), "E106"),
    "a star": (_equation("max(*x[t])"), "E106"),
    "a star on the left": ("*a, b = x\n", "E205"),
    "a decorator": ("@f\ndef g(u):\n    return u\nh[t] = g(1)\n", "E110"),
    "a class": ("class A: pass\n", "E113"),
    "await": (_equation("await x"), "E113"),
    "a dictionary": (_equation("{1: 2}"), "E106"),
    "an ellipsis": (_equation("..."), "E106"),
    "match": ("match x:\n    case 1:\n        y = 1\n", "E105"),
    "a size of many factors": (f"x: input[{'*'.join(['n'] * 900)}]\nh[t] = x[t]\n", "E305"),
    "a notation that reads a file": (r'notation(h=r"\input{/etc/passwd}")' + "\nh[t] = 1\n", "E111"),
    "a notation that defines": (r'notation(h=r"\def\h{1}")' + "\nh[t] = 1\n", "E111"),
    "a notation of a page": ('notation(h="' + "a" * 10_000 + '")\nh[t] = 1\n', "E111"),
    "a far past": (_equation("x[t-99999999999999999999]"), "E108"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_text_is_refused_at_once(name):
    text, code = REFUSED[name]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError) as caught:
            parse(text)
    assert caught.value.code == code
    assert len(str(caught.value)) < 50_000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    "right",
    [
        "(" * 100 + "x[t]" + ")" * 100,
        " + ".join(["x[t]"] * 900),
        " * ".join(["x[t]"] * 900),
        "x[t] if x[t] > 0 else " * 50 + "0",
        "9**9**x[t]",
        "3." + "1" * 300,
        "1e-320 * x[t]",
        "inf * x[t]",
    ],
)
def test_large_but_bounded_equations_are_read_and_read_back(right):
    system = parse(_equation(right))
    assert parse(str(system)) == system


@pytest.mark.parametrize("change", [lambda s: "\ufeff" + s, lambda s: s.replace("\n", "\r\n"), lambda s: s.replace("\n", "\r")])
def test_byte_order_marks_and_foreign_line_ends_change_nothing(change):
    text = _equation("tanh(w * x[t])  # hidden")
    assert parse(change(text)) == parse(text)


def test_a_thousand_errors_are_reported_as_a_hundred():
    text = "x: input\n" + "".join(f"h{i}[t] = g{i}[t]\n" for i in range(1_000))
    with pytest.raises(ModelError) as caught:
        parse(text)
    assert len(caught.value.diagnostics) == 100


def test_a_file_that_is_not_text_is_refused_with_its_line(tmp_path):
    path = tmp_path / "latin.rnn"
    path.write_bytes(b"x: input\n# gr\xf6sse\n")
    with pytest.raises(ModelError, match="line 2 is not UTF-8 text"):
        load(path)


def test_a_file_of_ten_megabytes_is_not_even_read_to_its_end(tmp_path):
    path = tmp_path / "large.rnn"
    path.write_bytes(b"\xc3\xa4" * 5_000_000)
    with pytest.raises(ModelError, match="the file has more than"):
        load(path)
