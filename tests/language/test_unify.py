"""Equalities of sizes: what can never hold is refused at once."""

from __future__ import annotations

from rnnsym.language.unify import Form, Sizes


def test_different_numbers_are_never_equal():
    assert not Sizes().equate(Form(3), Form(4))
    assert Sizes().equate(Form(3), Form(3))


def test_a_size_is_at_least_one():
    sizes = Sizes()
    assert not sizes.equate(sizes.unknown() + Form(2), Form(2))
    assert sizes.equate(sizes.unknown() + Form(2), Form(3))


def test_a_half_is_no_size():
    sizes = Sizes()
    assert not sizes.equate(sizes.unknown().times(2), Form(3))
