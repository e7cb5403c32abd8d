"""Calls that go wrong, one for each code that a command can show; the reference prints what they say.

`first` are commands that are run before, silently. Codes without a call here need what no example brings: an unreadable disk, no TeX.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MODEL = "x: input[n_x]\ny: target[n_y]\nh: vector[n_h]\n"
STEP = "h[t] = tanh(W @ x[t] + U @ h[t-1] + b)\n"
BACKWARD = "def backward(params, x, y):\n    return dict((name, 0 * w) for name, w in params.items())\n"
LOSS = "loss[t] = squared_error(y[t], V @ h[t])\n"


@dataclass(frozen=True)
class WrongCall:
    """One example: the code that it shows, the words after `rnnsym`, files that lie in the folder, commands run before."""

    code: str
    words: str
    files: dict[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()


WARNINGS = (
    WrongCall("W201", "check m.rnn", {"m.rnn": MODEL + STEP.replace("+ b", "+ bias") + LOSS.replace("h[t])", "h[t] + bies)")}),
    WrongCall("W202", "check m.rnn", {"m.rnn": "x: input\nloss[t] = x[t] / T\n"}),
    WrongCall("W203", "check m.rnn", {"m.rnn": MODEL + "h[t] = tanh * (W @ x[t] + U @ h[t-1])\n" + LOSS}),
    WrongCall("W204", "check m.rnn", {"m.rnn": 'notation(g=r"\\gamma")\n' + MODEL + STEP + LOSS}),
    WrongCall("W205", "check m.rnn", {"m.rnn": MODEL + "h[t] = tanh(alpha * W @ x[t] + U @ h[t-1])\n" + LOSS}),
    WrongCall("W206", "check m.rnn", {"m.rnn": MODEL + STEP + LOSS.replace("loss", "los")}),
    WrongCall("W207", "check m.rnn", {"m.rnn": MODEL + STEP.replace("+ b", "+ x_t") + LOSS}),
    WrongCall("W208", "check m.rnn", {"m.rnn": MODEL + "z: input[n_z]\n" + STEP + LOSS}),
    WrongCall("W209", "check m.rnn", {"m.rnn": MODEL + STEP + "loss[t] = cross_entropy(softmax(V @ h[t]), y[t])\n"}),
    WrongCall("W210", "check m.rnn", {"m.rnn": MODEL + STEP + "loss[t] = binary_cross_entropy(y[t], softmax(V @ h[t]))\n"}),
)

CALLS = (
    WrongCall("U101", "show ltsm"),
    WrongCall("U102", "show cells/mine.rnn"),
    WrongCall("U201", "new mine --from gru", first=("new mine",)),
    WrongCall("U202", "new 2nd-try"),
    WrongCall("U203", "make lstm -o out", {"out": "a file, not a folder\n"}),
    WrongCall("U301", "derive lstm --format text -o lstm.tex"),
    WrongCall("U302", "show lstm --sizes n_hidden=64"),
    WrongCall("U305", "derive lstm --detail full"),
    WrongCall("U306", "generate lstm --with-tests"),
    WrongCall("U307", "derive lstm --notation slides"),
    WrongCall("U308", "generate lstm -O0 --kernels c -o lstm.py"),
    WrongCall("U401", "build"),
    WrongCall("U402", "build", {"pyproject.toml": '[tool.rnnsym]\nmodels = ["cells/*.rnn"]\nmodule = "generated.py"\n'}),
    WrongCall("U502", "verify m.rnn", {"m.rnn": MODEL + STEP}),
    WrongCall("U503", "verify m.rnn", {"m.rnn": MODEL + STEP + "loss[t] = log(0 * sum(h[t]))\n"}),
    WrongCall("U506", "bench lstm --against tensorflow"),
    WrongCall("U701", "analyze m.rnn", {"m.rnn": "x: input\nloss[t] = w * x[t]\n"}),
    WrongCall("U702", "analyze rnn -o rnn.jpg"),
    WrongCall("U703", "analyze rnn --scales small"),
    WrongCall("U801", "audit mine.py:backwards elman", {"mine.py": BACKWARD}),
    WrongCall("U802", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("params.items", 'params["Wx"].items')}),
    WrongCall("U803", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("x, y", "x, /, y")}),
    WrongCall("U804", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("x, y", "x, y, cache")}),
    WrongCall("U805", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("return", "grads =")}),
    WrongCall("U806", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("0 * w", "None")}),
    WrongCall("U807", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("0 * w", "0 * w.T")}),
    WrongCall("U808", "audit mine.py:backward elman", {"mine.py": BACKWARD.replace("items()", 'items() if name != "b"')}),
    WrongCall("U811", "audit mine.py:backward elman", {"mine.py": BACKWARD + '\n\nRNNSYM_AUDIT = {"layout": "nbx"}\n'}),
    WrongCall("U812", "audit mine.py:backward elman", {"mine.py": BACKWARD + '\n\nRNNSYM_AUDIT = {"params": {"A": "[W; Ux]"}}\n'}),
    WrongCall("U813", "audit mine.py:backward elman", {"mine.py": BACKWARD + '\n\nRNNSYM_AUDIT = {"data": {"x": "u"}}\n'}),
)
