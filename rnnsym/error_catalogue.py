"""The catalogue of errors: for every code its title, and a sentence on what it means and what to do.

Comes in: nothing. Goes out: `CATALOGUE`, which the language reference prints and a test compares with the codes that the program raises. A
code means one thing and keeps its meaning. E1xx: a text that cannot be read; E2xx: names; E3xx: shapes; E4xx: time; E7xx: notation;
E9xx: a bug in rnnsym; W2xx: warnings; Uxxx: a call or a command that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueEntry:
    """What a code stands for: a title, and what to do."""

    title: str
    meaning: str


CATALOGUE: dict[str, CatalogueEntry] = {
    code: CatalogueEntry(title, meaning)
    for code, title, meaning in (
        # ------------------------------------------------------------ a text that cannot be read
        ("E101", "no text", "A model is a text file in UTF-8, of printable characters and of a size that a person could have written."),
        ("E102", "syntax",
         "The line is not in the syntax that the language shares with Python. Reading ends here: mend it and read again."),
        ("E103", "not ASCII",
         "Names and signs are written in ASCII, so that every editor and every generated module can hold them; `notation(...)` "
         "gives a name its look in print. Comments and the description may hold any letter."),
        ("E104", "too long or nested too deep",
         "The text goes beyond a limit that keeps reading quick. Name the inner parts by equations of their own; the derivation "
         "is easier to read then, too."),
        ("E105", "no line of the language",
         "A model holds declarations, equations, functions and `notation(...)`, one to a line, and nothing else."),
        ("E106", "no expression of the language",
         "The construct is Python, but not part of the language; the message says what stands for it."),
        ("E107", "a number that no machine holds", "Numbers are decimals, and finite in floating point; write `inf` for infinity."),
        ("E108", "no time",
         "A time is `t`, `t-k`, `t+k` with a whole number k, `T` or `1`, in square brackets after a name. Entries are not taken "
         "one by one; a slice is `v[t][a:b]`."),
        ("E109", "a wrong declaration", "A declaration is `NAME: KIND[SIZES]`, for a parameter or a constant with `= VALUE`."),
        ("E110", "a wrong function",
         "A function is a first line with plain parameters, equations with local names, and one return at the end."),
        ("E111", "a wrong notation",
         'A notation gives a name a piece of LaTeX mathematics: `notation(a=r"a^{(x)}")`. Commands that could do more than look '
         "are refused."),
        ("E112", "wrong arguments", "A function takes its arguments in their order, without names, and as many as it has."),
        ("E113", "a word that cannot be a name", "Words of Python, and names that begin with an underscore, are no names here."),
        # ------------------------------------------------------------ names
        ("E201", "a name that nothing defines",
         "A name with a time needs an equation, or a declaration as data. (A name without one is a parameter.)"),
        ("E202", "defined twice",
         "A name has one equation, one declaration, one function; and it is used either with a time or without."),
        ("E203", "no such function", "The name is called, but is neither a function of the language nor one of the file."),
        ("E204", "used with and without time",
         "A quantity has a value per step, and is read at a time, or it is static, and is read without one."),
        ("E205", "a left side that cannot be defined",
         "Left of `=` stands a computed variable: `h[t]`, a static `A`, or a value outside 1 … T such as `h[0]` and `b[T+1]`. "
         "Data are given from outside and have no equation."),
        ("E206", "size and quantity at once",
         "Names in the brackets of a declaration are sizes; they cannot be names of quantities too."),
        ("E207", "a function that calls itself",
         "Functions are expanded where they are used, so they cannot be recursive. What repeats is time."),
        ("E208", "a function that reads the file",
         "A function's body sees its parameters, its local names, sizes and numbers; everything else is given to it as an "
         "argument."),
        ("E209", "several values where one is due",
         "`split` and functions with several results stand alone on the right, with as many names on the left."),
        # ------------------------------------------------------------ shapes
        ("E301", "shapes that do not meet",
         "What is combined elementwise has one shape, scalars apart; and both sides of an equation have the same. Declared sizes"
         " are never taken to be equal: `n_x` and `n_h` differ until the file says otherwise."),
        ("E302", "an operator on a wrong shape",
         "The operator or function is not defined for this shape: left of `@` stands a matrix, `softmax` takes a vector, `sum` a"
         " vector or a matrix."),
        ("E303", "a size that nothing says", "The equations leave a length open. One line of declaration settles it."),
        ("E304", "a rank that nothing says",
         "The equations do not say whether this is a scalar, a vector or a matrix. One line of declaration settles it."),
        ("E305", "a wrong size or bound",
         "A size is a name, a whole number of one or more, or a sum of such with whole factors; bounds of a slice lie inside the"
         " vector."),
        # ------------------------------------------------------------ time
        ("E401", "a cycle within one step",
         "The quantities need each other at the same step. Somewhere on the way an earlier value must be read."),
        ("E402", "past and future of oneself",
         "A recurrence runs forwards or backwards. Let one variable do the one and another do the other."),
        ("E403", "needs its own whole",
         "A running quantity depends on its own last, first or total value, which exists only when it is finished."),
        ("E404", "static, but reads a running step",
         "A static quantity and a value outside 1 … T are computed once, where no `t` is; they may read `h[T]`, `h[1]` or "
         "`total(h[t])`."),
        ("E405", "a fixed step outside 1 … T",
         "The value outside is given by an equation `h[0] = …` and read as `h[t-1]`; it is not read by its number."),
        ("E701", "a notation that is not understood",
         "Documents read a small part of LaTeX: letters, scripts, accents, styles, brackets, fractions."),
        ("E702", "two names alike", "`notation(...)` gives two names the same look, at some time; in print they could not be told apart."),
        # ------------------------------------------------------------ bugs in rnnsym
        ("E901", "no pullback is known", "An operator without a rule of differentiation: a bug in rnnsym."),
        ("E902", "no pushforward is known", "An operator without a rule of differentiation: a bug in rnnsym."),
        ("E905", "a displayed step does not hold",
         "A document's step was evaluated on random arrays and its two sides differ; nothing is written. A bug in rnnsym: no "
         "derivation with a wrong line leaves it."),
        ("E998", "a plan out of order",
         "A planned module would read a value before it is computed, or after another one was written in its place; nothing is "
         "written. A bug in rnnsym: `-O0` has no plan, and works meanwhile."),
        ("E999", "no form in code", "The generator met what it has no code for: a bug in rnnsym."),
        # ------------------------------------------------------------ warnings
        ("W201", "two parameters that nearly agree", "A name that is misspelt becomes a parameter of its own. Are both meant?"),
        ("W202", "`T` as a number", "`T` is the last step only inside brackets; alone it is read as a parameter."),
        ("W203", "a function without brackets", "It is read as a parameter of that name."),
        ("W204", "a notation of nothing", "No quantity is called so; perhaps the name changed."),
        ("W205", "a product that makes a matrix of a parameter",
         "`alpha * W @ x` is read as `(alpha * W) @ x`; the message proposes brackets."),
        ("W206", "a misspelt or missing loss", "Without `loss[t] = …` or `loss = …` a model has no gradient."),
        ("W207", "a step without brackets",
         "`h_t` is a name of its own, without an equation a parameter; `h[t]` is the value of `h` at t."),
        ("W208", "what nothing reads",
         "A declared quantity or a given initial value that no equation reads: perhaps another one is misspelt."),
        ("W209", "no probability in a cross-entropy",
         "`cross_entropy(y, p)` takes the logarithm of its second argument: the target comes first, then a softmax or sigmoid."),
        ("W210", "a binary cross-entropy of a softmax",
         "`log(1 - softmax(z))` is computed as it stands: where a probability rounds to 1, the loss is infinite. `cross_entropy` is for "
         "one class of several, `sigmoid` for entries that are true or false each by itself."),
        # ------------------------------------------------------------ calls and commands
        ("U101", "no such model in the library",
         "A word without `/` and without `.rnn` is a name of the library; `rnnsym list` prints them."),
        ("U102", "no such file", "MODEL with a `/`, or ending in `.rnn`, is a path."),
        ("U103", "a model's file that cannot be read", "The system said why."),
        ("U104", "no model where one is needed",
         "Functions that take a model take a `System`: `rnnsym.load(name or path)` and `rnnsym.parse(text)` give one."),
        ("U105", "no such gradient", "`wrt` takes names of parameters, constants and inputs, and the word `initial`."),
        ("U201", "a file in the way",
         "A file that was edited by hand, or that rnnsym did not write, is never overwritten without `--force`."),
        ("U202", "a name that cannot be a module's", "A model's name becomes the name of a Python module."),
        ("U203", "no place for a file", "The output would replace a folder or a device, or a file stands where a folder is needed."),
        ("U204", "a file that cannot be written", "The system said why. Files are written whole or not at all."),
        ("U205", "a file that cannot be read", "The system said why."),
        ("U301", "format and ending disagree", "`-o` names a file whose ending says another format than the one asked for."),
        ("U302", "a wrong size", "`--sizes` takes `NAME=NUMBER`, with names of the model's sizes."),
        ("U303", "TeX failed", "The derivation was written, but TeX could not make a PDF of it; the message quotes TeX."),
        ("U304", "no TeX", "A PDF needs `latexmk` with a TeX installation; `--format tex` and `--format html` need neither."),
        ("U305", "a wrong detail", "`--detail` is `result`, `steps` or `full`, for documents: equations alone have no steps."),
        ("U306", "no place for a further file",
         "`--with-tests` and `--kernels` write a file beside the module, so `-o` must say where the module goes."),
        ("U307", "a wrong notation", "`--notation` is `house`, `slides`, `goodfellow` or `plain`, for documents and pictures."),
        ("U308", "kernels of nothing", "`--kernels c` compiles the loops of a planned module; `-O0` writes one statement per equation."),
        ("U401", "no project", "`rnnsym build` reads `[tool.rnnsym]` in a `pyproject.toml`, here or in a folder above."),
        ("U402", "a wrong project table", "The table `[tool.rnnsym]` cannot be followed; the message says which entry and why."),
        ("U501", "no sizes fit", "To measure, small sizes are drawn that fit every shape; for this model none were found."),
        ("U502", "no cost", "Gradients are those of a cost: `loss[t] = …`, `loss = …` or both."),
        ("U503", "nowhere finite", "The cost or a gradient was infinite or not a number at all random arrays that were tried."),
        ("U504", "no sizes to measure at",
         "The sizes that a benchmark is to run at do not fit every shape of the model; give them with `--sizes`."),
        ("U505", "a benchmark that ended", "The process that measures ended with an error; the message quotes it."),
        ("U506", "nothing to measure", "`rnnsym bench` was given no model, no rounds, or a peer that it does not know."),
        ("U601", "a value that nothing has", "The reference interpreter was given an expression without its system."),
        ("U602", "an array of a wrong shape",
         "Arrays are time-major, `(T, B, n)`; the message names argument, expected and found shape."),
        ("U603", "an array is missing", "Every input, target and constant that the equations read is given."),
        ("U604", "no common number of steps", "All arrays with a time axis have the same number of steps, at least one."),
        ("U701", "no recurrence", "`rnnsym analyze` measures how errors travel through time; here nothing depends on itself through time."),
        ("U702", "no format of a figure", "`-o` of `rnnsym analyze` names a figure: its ending is png, svg or pdf."),
        ("U703", "a wrong scale", "`--scales` takes positive numbers with commas between them: the norms of the recurrent weights."),
        ("U801", "no function to audit", "`rnnsym audit` takes `FILE.py:function`; the message says what there is."),
        ("U802", "an error in the audited code",
         "The file, or the function, raised an error; the message quotes it, with the line of the file where it happened."),
        ("U803", "a function that cannot be called by names", "An audit passes every argument by its name."),
        ("U804", "an argument that means nothing",
         "A function is given parameters (all in one dictionary, or each by its name), data, constants, sizes and initial values; "
         "`[data]` in the map says what an argument with another name stands for."),
        ("U805", "no gradients returned",
         "An audited function returns a dictionary of gradients, or the cost and that dictionary; `returns` in the map names the "
         "members of a tuple."),
        ("U806", "a gradient that is no array of numbers", "Gradients are arrays, or what NumPy makes one of."),
        ("U807", "a gradient of a wrong shape", "A gradient has the shape of what it is the gradient of."),
        ("U808", "a gradient is missing", "Every parameter has one; `skip` in the map leaves one out on purpose."),
        ("U811", "a wrong map",
         "The map of an audit says how arrays lie; the message says which entry cannot be followed, and what it may be."),
        ("U812", "a wrong arrangement of parameters",
         "Parameters are arranged as `W`, `W.T`, `[W_i; W_f]` (one below the other) or `[U, W]` (side by side), each once."),
        ("U813", "a name in the map that the model does not have", "The message lists what there is."),
    )
}  # fmt: skip
