"""`rnnsym verify`: a table, one plain sentence, exit codes, JSON; several models at once."""

from __future__ import annotations

import json

import pytest

from rnnsym.proof import measured, verify


def test_it_prints_a_table_of_three_grades_and_one_sentence(run):
    done = run("verify", "elman")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0] == "elman, measured at n_x = 4, n_y = 5, n_h = 6, T = 7, B = 3, seed = 0"
    assert lines[2].split() == ["grade", "what", "was", "checked", "how", "found", "time"]
    assert [line.split()[0] for line in lines[3:11]] == ["proved", "tested", "not", *["measured"] * 5]
    assert lines[-1].startswith("elman: right. Every rule is proved for all sizes, their assembly is exact at T = 1, 2, 3 (")


def test_what_was_not_run_is_said(run):
    rows = [line for line in run("verify", "elman").out.splitlines() if line.startswith("not run")]
    assert ["--deep" in row or "--witness" in row for row in rows] == [True] * len(rows) and len(rows) == 3


def test_json_can_be_read_by_a_program(run):
    report = json.loads(run("verify", "elman", "--seed", "5", "--json").out)
    assert report["outcome"] == "right" and report["setting"]["seed"] == 5 and report["model"] == "elman"
    assert report["first_wrong_equation"] is None
    assert {row["grade"] for row in report["checks"]} >= {"proved", "tested", "measured"}
    assert report["checks"][1]["figures"]["bound"] <= 1e-20
    assert set(report["gradients"]["U"]) == {"complex step", "differences", "tangents", "interpreter", "float32"}


def test_several_models_have_one_line_each(run):
    done = run("verify", "elman", "rnn")
    lines = done.out.splitlines()
    assert done.code == 0 and [line.split()[:2] for line in lines[1:3]] == [["elman", "right"], ["rnn", "right"]]
    assert lines[-1] == "2 of 2 models are right."
    assert [r["model"] for r in json.loads(run("verify", "elman", "rnn", "--json").out)] == ["elman", "rnn"]


def test_a_model_that_cannot_be_read_does_not_hide_the_others(run):
    done = run("verify", "elman", "nothing_like_it")
    assert done.code == 2 and "nothing_like_it" in done.err and "1 of 2 models are right." in done.out


@pytest.fixture
def wrong_module(monkeypatch):
    real = measured.compile

    def wrong(system):
        module = real(system)
        honest = module.loss_and_grads

        def loss_and_grads(params, **words):
            loss, grads, state = honest(params, **words)
            grads.V[...] *= 2
            grads.W[...] *= 2
            return loss, grads, state

        monkeypatch.setattr(module, "loss_and_grads", loss_and_grads)
        return module

    monkeypatch.setattr(measured, "compile", wrong)


def test_it_fails_and_names_the_first_wrong_equation(run, wrong_module):
    done = run("verify", "elman")
    assert done.code == 1
    assert done.out.splitlines()[-1].startswith(
        "elman: wrong. The first wrong equation is (9) d_W = total(outer(d_h_bar[t], x[t])): the module's gradient of `W` is off by "
    )
    assert "not right by complex step, in random directions: W, V" in done.out
    found = json.loads(run("verify", "elman", "--json").out)
    assert found["outcome"] == "wrong" and found["first_wrong_equation"]["number"] == 9


def test_undecided_is_an_exit_code_of_its_own(run, monkeypatch):
    real = verify.check_assembly

    def in_doubt(*words, **more):
        found = real(*words, **more)
        rows = tuple(type(c)(c.name, c.steps, "undecided", c.bound) for c in found.compared)
        return type(found)(found.sizes, rows, found.runs, found.primes, found.branches, None, "functions are related")

    monkeypatch.setattr(verify, "check_assembly", in_doubt)
    done = run("verify", "elman")
    assert done.code == 3
    assert done.out.splitlines()[-1].startswith("elman: nothing is wrong, but not all is decided (dual numbers over a finite field: ")
    assert "UNDECIDED" in done.out and "WRONG" not in done.out


def test_an_unknown_witness_is_refused(run):
    done = run("verify", "elman", "--witness", "tensorflow")
    assert done.code == 2 and "there is no witness `tensorflow`; there are torch, jax" in done.err
