"""Log-forms keep their digits where one class is alone, where exponentials vanish and where they would overflow."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym

MODEL = """z: input[n]
y: target[n]
p[t] = softmax(z[t])
q[t] = log(p[t])
l[t] = log(sum(exp(z[t])))
s[t] = sigmoid(z[t])
u[t] = 1 - s[t]
v[t] = log(s[t])
w[t] = log(1 - s[t])
k[t] = log(1 + exp(z[t]))
loss[t] = cross_entropy(y[t], p[t])
"""
LOGITS = np.array([[[60.0, 20.0, 10.0]], [[1e4, -1e4, 0.0]], [[-745.0, -760.0, -800.0]], [[40.0, 40.0, -1e300]]])


@pytest.fixture(scope="module")
def trace():
    module = rnnsym.compile(rnnsym.parse(MODEL))
    params = module.init_params(n=3, dtype=np.float64)
    return module.forward(params, z=LOGITS, y=np.array([[0], [1], [2], [0]]))


def exact(function, z):
    """The value with sixty digits, then rounded."""
    import mpmath

    with mpmath.workdps(60):
        return np.array([float(v) for v in function([mpmath.mpf(float(c)) for c in z], mpmath)])


FORMS = {
    "q": lambda z, m: [-m.log(m.fsum(m.exp(b - a) for b in z)) for a in z],
    "l": lambda z, m: [m.log(m.fsum(map(m.exp, z)))],
    "u": lambda z, m: [1 / (1 + m.exp(a)) for a in z],
    "v": lambda z, m: [-m.log(1 + m.exp(-a)) for a in z],
    "w": lambda z, m: [-m.log(1 + m.exp(a)) for a in z],
    "k": lambda z, m: [m.log(1 + m.exp(a)) for a in z],
}


@pytest.mark.parametrize("row", range(len(LOGITS)))
@pytest.mark.parametrize("name", FORMS)
def test_log_forms_keep_relative_accuracy(trace, name, row):
    found = np.atleast_1d(trace[name][row, 0])
    np.testing.assert_allclose(found, exact(FORMS[name], LOGITS[row, 0]), rtol=4e-15, atol=1e-300)


def test_the_loss_of_a_certain_right_answer_is_not_rounded_to_zero(trace):
    np.testing.assert_allclose(
        trace.loss[:, 0], [-exact(FORMS["q"], z[0])[c] for z, c in zip(LOGITS, (0, 1, 2, 0), strict=True)], rtol=4e-15
    )
