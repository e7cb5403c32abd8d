"""The audit of hand-written backwards: right ones pass, seeded slips are found and named, and what cannot be named is told apart."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

import numpy as np
import pytest
from proof.audit_cases import CASES, FOLDER, MODELS
from proof.audit_page import PAGE, part, report

import rnnsym
from rnnsym.program.interpret import interpret
from rnnsym.proof.audit import audit, report_text
from rnnsym.proof.audit.layout import Layout
from rnnsym.proof.audit.points import draw, outside_keys
from rnnsym.proof.audit.search import FAMILIES, Place, Search, error
from rnnsym.proof.audit.sheet import Sheet, Undefined
from rnnsym.proof.audit.slips import Rows
from rnnsym.proof.draws import small_sizes

QUICK = {"rnn_columns", "classifier", "bidirectional", "narx"}


def named(case) -> None:
    found = audit(case.place, rnnsym.load(case.model))
    assert not found.is_right
    alone = [e.slips[0] for e in found.explanations if len(e.slips) == 1]
    assert any(slip.kind == case.kind and case.words in slip.sentence for slip in alone), [s.sentence for s in alone]
    assert all(e.residual < 1e-12 for e in found.explanations)


@pytest.mark.parametrize("file", MODELS)
def test_a_right_backward_is_right_in_its_own_layout(file):
    found = audit(f"{FOLDER / file}.py:backward", rnnsym.load(MODELS[file]))
    assert found.is_right and all(c.error < 1e-12 for c in found.compared)
    assert len(found.compared) >= len(rnnsym.load(MODELS[file]).params)
    assert found.cost in ("their cost is that of the model", "")


@pytest.mark.parametrize("case", [c for c in CASES if c.file in QUICK], ids=lambda c: c.function)
def test_a_seeded_slip_is_found_and_named(case):
    named(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.file not in QUICK], ids=lambda c: c.function)
def test_a_seeded_slip_in_a_gated_cell_is_found_and_named(case):
    named(case)


def test_the_widely_copied_backward_is_told_with_every_path_that_it_drops():
    found = audit(f"{FOLDER / 'lstm_course'}.py:nothing_handed_on", rnnsym.load("lstm"))
    assert [c.name for c in found.compared if c.is_right] == ["V", "b_y"]
    (told,) = found.explanations
    (slip,) = told.slips
    assert slip.kind == "all paths through time dropped" and len(slip.parts) == 5
    text = report_text(found)
    assert "d_h[t] = V.T @ d_p_bar[t] + U_i.T @ d_i_bar[t+1] + U_f.T @ d_f_bar[t+1] + U_o.T @ d_o_bar[t+1]" in text
    assert "d_c[t] = d_h[t] * o[t] * (1 - tanh(c[t])**2) + d_c[t+1] * f[t+1]\n" + " " * 56 + "~" * len("d_c[t+1] * f[t+1]") in text


def test_two_slips_apart_are_both_named():
    found = audit(f"{FOLDER / 'rnn_columns'}.py:two_slips", rnnsym.load("rnn"))
    (told,) = found.explanations
    assert {s.kind for s in told.slips} == {"transpose", "sign"}
    assert "if together" in report_text(found)


@pytest.mark.slow
def test_two_slips_that_meet_are_told_apart_by_sequences_of_one_step():
    found = audit(f"{FOLDER / 'lstm_course'}.py:two_that_meet", rnnsym.load("lstm"), seconds=600.0)
    (told,) = found.explanations
    assert [s.kind for s in told.slips] == ["pre- for post-activation", "path through time dropped"]


def test_what_no_slip_explains_is_said_with_its_place():
    found = audit(f"{FOLDER / 'rnn_columns'}.py:noise", rnnsym.load("rnn"), seconds=0.0)
    assert not found.explanations and [c.name for c in found.wrong] == ["W_h"]
    text = report_text(found)
    assert "1 of 5 gradients is wrong; it is that of `W_h`." in text
    assert "No known slip, and no pair of them, reproduces these numbers" in text and "then the time was over" in text
    assert "`W_h` differs most at [" in text and "It is wrong for a sequence of one step already" in text


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("clipped_by_norm", "the wrong gradients are the exact ones, times"),
        ("weight_decay", "the wrong gradients are the exact ones plus 0.01 times the parameters: weight decay"),
    ],
)
def test_rules_of_training_among_the_gradients_are_noticed(function, words):
    found = audit(f"{FOLDER / 'gru_batch'}.py:{function}", rnnsym.load("gru"), seconds=0.0)
    assert not found.is_right and not found.explanations
    assert [note for note in found.notes if words in note], found.notes


def test_a_part_is_marked_where_it_stands_and_not_inside_a_longer_name():
    text = report_text(audit(f"{FOLDER / 'gru_batch'}.py:slope_of_another_gate", rnnsym.load("gru")))
    equation, marks = re.search(r"^( +\(18\).*)\n([ ~]+)$", text, re.M).groups()
    assert equation.endswith("d_z[t] * z[t] * (1 - z[t])") and [m.start() for m in re.finditer("~+", marks)] == [
        equation.index(" z[t]") + 1,
        equation.index("- z[t]") + 2,
    ]


# ---------------------------------------------------------------- the parts


@pytest.mark.parametrize("name", ["rnn", "birnn", "gru", "narx", "mlstm", "jordan", "many_to_one", "deep_birnn", "delta_net"])
def test_the_sheet_gives_what_the_interpreter_gives(name):
    model = rnnsym.load(name)
    sizes = small_sizes(model, (4, 5, 3, 7, 2, 8, 9, 6))
    point = draw(model, sizes, 5, 2, outside_keys(model), 0)
    wanted = [d.name for d in model.declarations if d.kind in ("param", "input")] + ["initial"]
    sheet = sheet_at(model, point, wanted)
    joined = sheet.derivation.adjoint
    for index in range(2):
        data = {d.name: point.data[d.name][:, index] if d.timed else point.data[d.name][index] for d in model.data}
        arrays = {**point.params, **point.constants, **data, **{seed: np.ones(()) for seed in joined.seeds.values()}}
        run = interpret(joined.system, arrays, steps=5, initial={k: v[index] for k, v in point.initial.items()}, sizes=sizes)
        for of, row in sheet.gradients.items():
            plain = run.series(row) if row in sheet.timed else run.static(row)
            np.testing.assert_allclose(sheet.exact[of][index], plain, rtol=1e-12, atol=1e-14)


def sheet_at(model, point, wanted) -> Sheet:
    derivation = rnnsym.derive(model, wanted)
    return Sheet(derivation, point.runs(derivation.prepared))


def the_slips_explain_themselves(name: str, count: int) -> None:
    """What a slip makes of the gradients, given as somebody's numbers, is explained by that slip or by one that makes the same of them."""
    model = rnnsym.load(name)
    sizes = small_sizes(model, (4, 5, 3, 7, 2, 8, 9, 6))
    sheets = [sheet_at(model, draw(model, sizes, steps, 3, (), steps), [p.name for p in model.params]) for steps in (4, 5)]
    slips = [slip for family in FAMILIES for slip in family(Rows(sheets[0]))]
    tried = 0
    for slip in slips[:: len(slips) // count]:
        try:
            theirs = [{of: mean(of, value(of), s) for of in s.gradients} for s in sheets for value in [with_slip(s, slip)]]
        except Undefined:
            continue
        places = [Place(sheet, numbers, mean) for sheet, numbers in zip(sheets, theirs, strict=True)]
        search = Search(places, 1e-9, 0.0)
        finite = all(np.isfinite(v).all() for numbers in theirs for v in numbers.values())
        if not finite or not search.wrong:
            continue
        tried += 1
        kinds = [e.slips[0].sentence for e in search.run().explanations]
        assert kinds, slip.sentence
    assert tried >= count // 2


def mean(of, parts, sheet):
    return np.mean(parts, axis=0)


def with_slip(sheet, slip):
    value = sheet.gradients_with(sheet.apply(slip.edits), ())
    return slip.after(value, sheet) if slip.after else value


@pytest.mark.parametrize("name", ["elman", "many_to_one"])
def test_a_slip_explains_its_own_numbers(name):
    the_slips_explain_themselves(name, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["birnn", "mgu", "narx", "jordan", "delta_net", "mlstm", "language_model"])
def test_a_slip_explains_its_own_numbers_in_every_kind_of_model(name):
    the_slips_explain_themselves(name, 6)


def test_an_error_is_relative_and_nan_is_no_agreement():
    assert error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    assert np.isnan(error(np.array([np.nan]), np.array([1.0])))
    assert error(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0


# ---------------------------------------------------------------- what the guide shows


def test_the_guide_shows_the_report_as_it_is():
    assert part(PAGE.read_text("utf-8"), "report") == report()


def test_the_guide_names_every_slip_as_the_audit_does():
    rows = part(PAGE.read_text("utf-8"), "table").split("\n")[2:]
    assert len(rows) == len(CASES) >= 20
    for row, case in zip(rows, CASES, strict=True):
        assert row.startswith(f"| {case.function.replace('_', ' ')} | `{case.model}` | ")
        assert case.words in row or case.function == "start_as_zero"  # the first step left out gives the same numbers, and is told first


def test_the_map_on_the_page_says_what_can_be_said():
    text = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
    assert set(tomllib.loads(text)) == {f.name for f in fields(Layout)} - {"source", "sequences", "one_hot"}
