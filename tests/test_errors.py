"""Errors are data and a sentence; one place draws the caret."""

from __future__ import annotations

import pickle

import pytest

from rnnsym.errors import Diagnostic, InternalError, ModelError, NotSupported, RnnsymError, Span, UsageError

SOURCE = "x: input[n]\nh[t] = tanh(x[t])\n"


def test_a_diagnostic_is_drawn_with_its_line_and_a_caret():
    found = Diagnostic("E999", "this is wrong", Span(2, 8, 2, 12), "that", "tan(u)", ((Span(1, 1, 1, 2), "from here"),), SOURCE, "m.rnn")
    assert found.render() == (
        "m.rnn:2:8: error[E999]: this is wrong\n"
        "    2 | h[t] = tanh(x[t])\n"
        "      |        ^^^^\n"
        "  note: line 1: from here\n"
        "    1 | x: input[n]\n"
        "      | ^\n"
        "  expected: that\n"
        "  instead:  tan(u)"
    )


def test_without_a_place_only_the_file_is_named():
    assert Diagnostic("E101", "too large", file="m.rnn").render() == "m.rnn: error[E101]: too large"


def test_a_place_over_several_lines_is_drawn_to_the_end_of_its_first():
    assert Diagnostic("E1", "x", Span(1, 4, 2, 3), source=SOURCE).render().endswith("|    ^^^^^^^^")


def test_a_very_long_line_is_shown_around_the_caret():
    source = "h[t] = " + "x[t] + " * 100 + "y[t]\n"
    rows = Diagnostic("E1", "x", Span(1, 708, 1, 712), source=source).render().split("\n")
    assert all(len(row) < 170 for row in rows)
    assert rows[1][rows[2].index("^") :].startswith("y[t]")


def test_control_characters_are_not_sent_to_the_terminal():
    assert "\x1b" not in Diagnostic("E1", "x", Span(1, 1, 1, 2), source="a\x1b[31m\n").render()


def test_colours_only_on_request():
    diagnostic = Diagnostic("E1", "x", Span(1, 1, 1, 2), source=SOURCE)
    assert "\033[" in diagnostic.render(colour=True) and "\033[" not in diagnostic.render()


def test_a_span_grows_to_cover_another():
    assert Span(2, 3, 2, 5).to(Span(1, 7, 1, 9)) == Span(1, 7, 2, 5)


@pytest.mark.parametrize("family", [ModelError, NotSupported, UsageError, InternalError])
def test_an_error_is_data_and_survives_pickling(family):
    error = family([Diagnostic("E1", "one", Span(1, 1, 1, 2)), Diagnostic("E2", "two")])
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, RnnsymError) and type(again) is family
    assert (again.code, again.span, str(again)) == ("E1", Span(1, 1, 1, 2), str(error))
    assert str(error).count("\n\n") == 1
