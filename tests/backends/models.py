"""Small models in which each way of a module to be called occurs: tokens, static data, boundaries on both sides, losses with and
without time, names that meet Python's own."""

from __future__ import annotations

import functools

import rnnsym

TEXTS = {
    "plain": """
x: input[n_x]
y: target[n_y]
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
h: vector[n_h]
p[t] = softmax(V @ h[t] + b_y)
loss[t] = cross_entropy(y[t], p[t])
""",
    "tokens": """
x: token[n_v]
w: token[n_v]
y: target[n_v]
h: vector[n_h]
h[t] = tanh(E @ x[t] + F @ x[t-1] + U @ h[t-1] + G @ w)
s[t] = E.T @ h[t] + x[t] * a + (A @ outer(x[t], x[t])) @ x[t-1]
A: param[n_v, n_v]
loss[t] = cross_entropy(y[t], softmax(s[t]))
""",
    "static": """
x: input[n_x]
s: input[n_s]
k: input
gamma: constant
C: constant[n_h, n_s]
y: target[n_h]
h[0] = tanh(W_0 @ s)
h[-1] = h_m
h: vector[n_h]
c = C @ s * k
h[t] = tanh(W @ x[t] + gamma * c + U @ h[t-1] - Q @ h[t-3])
loss[t] = squared_error(y[t], h[t])
""",
    "both ways": """
x: input[n_x]
y: target[n_y]
f: vector[n_f]
b: vector[n_b]
f[t] = tanh(W_f @ x[t] + U_f @ f[t-1])
b[T+1] = e
b[t] = tanh(W_b @ x[t] + U_b @ b[t+1] + Q @ b[t+2] + R @ f[t-1])
p[t] = softmax(V @ f[t] + V_b @ b[t] + Z @ x[t+1] + Y @ b[t+1])
loss[t] = cross_entropy(y[t], p[t])
""",
    "last step": """
x: input[n_x]
y: target[n_y]
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
m = total(h[t] * h[t-1])
p = softmax(V @ h[T] + M @ m + N @ h[1])
loss = cross_entropy(y, p)
""",
    "decay": """
x: input[n_x]
y: target[n_h]
lam: constant = 0.01
h: vector[n_h]
A = -exp(a) * mean(U)
h[t] = exp(A) * h[t-1] + W @ x[t] + U @ A
U: param[n_h, n_h]
loss[t] = squared_error(y[t], h[t])
loss = lam * sum(W**2) + dot(a, A)
""",
    "driven by nothing": """
y: target[n_y]
h: vector[n_h]
h[0] = h_0
h[t] = tanh(U @ h[t-1] + b)
v[t] = V @ h[t]
loss[t] = squared_error(y[t], v[t])
""",
    "teacher": """
x: input[n_x]
y: target[n_y]
h: vector[n_h]
h[t] = tanh(W @ y[t-1] + X @ x[t] + U @ h[t-1])
v[t] = V @ h[t]
e[t] = y[t] - v[t] + 0.1 * e[t-1]
loss[t] = sum(e[t]**2) + squared_error(y[t-2], v[t])
""",
    "names": """
lengths: input[n_x]
params: target[n_y]
trace: constant
copy: param[n_h, n_h]
np[t] = tanh(W @ lengths[t] + copy @ np[t-1] + sigmoid + trace * range[t])
range[t] = tanh(d_np[t-1] + 0.1)
d_np[t] = np[t] * steps
np: vector[n_h]
np_prev[t] = data @ np[t]
loss[t] = cross_entropy(params[t], softmax(np_prev[t] * T))
T: param
""",
    "mixed": """
x: input[n_x]
y: target[n_y]
w: target
u: param[n_h]
h: vector[n_h]
q: vector[n_y]
h[t] = max(tanh(W @ x[t] + U @ h[t-1]), log(u)) if u > 0 else h[t-1]
q[t] = softmax(V @ h[t] + P @ q[t-1])
loss[t] = cross_entropy(y[t], q[t]) + (0.5 * squared_error(w, sum(h[t])) if t == 1 else 0)
""",
}


@functools.cache
def system_of(name: str):
    return rnnsym.parse(TEXTS[name], name=name.replace(" ", "_"))


@functools.cache
def module_of(name: str):
    return rnnsym.compile(system_of(name))
