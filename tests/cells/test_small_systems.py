"""Small systems, each with a feature of the language that papers use now and then; gradients of parameters, inputs and initial values
against the complex step, whole batch and different lengths alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from agreement import assert_agree, interpreted, sizes_of, some_data, some_params
from cells import alone, spoiled

import rnnsym
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate

IO = """
x: input[n_x]
y: target[n_y]
"""
READ = """
loss[t] = cross_entropy(y[t], softmax(V @ h[t] + b_y))
"""
SMALL = {
    "two initial values for a lag of two": IO
    + """
h: vector[n_h]
h[0] = a
h[-1] = tanh(c)
h[t] = tanh(W @ x[t] + U @ h[t-1] + Q @ h[t-2])
"""
    + READ,
    "an initial value that is computed from a static input": IO
    + """
s: input[n_s]
h: vector[n_h]
h[0] = tanh(W_0 @ s)
h[t] = tanh(W @ x[t] + U @ h[t-1])
"""
    + READ,
    "boundary values that read each other's names": IO
    + """
h: vector[n_h]
c[0] = c_0
h[0] = tanh(c_0) * g
c[t] = 0.5 * c[t-1] + W @ x[t]
h[t] = tanh(c[t]) + U @ h[t-1]
"""
    + READ,
    "mean over time": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
m = total(h[t]) / total(1)
loss[t] = squared_error(y[t], V @ m)
""",
    "a sum over time read at every step": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t])
d[t] = h[t] - 0.1 * total(h[t])
loss[t] = squared_error(y[t], V @ d[t])
""",
    "an encoder's last state in every step of a decoder": IO
    + """
h: vector[n_h]
s: vector[n_s]
h[t] = tanh(W @ x[t] + U @ h[t-1])
c: vector[n_c]
c = tanh(W_c @ h[T] + V_c @ h[1])
s[0] = W_s @ c
s[t] = tanh(A @ s[t-1] + C @ c + E @ y[t-1])
loss[t] = cross_entropy(y[t], softmax(V @ s[t]))
""",
    "attention of the last step over all steps": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
e[t] = dot(h[T], A @ h[t])
w[t] = exp(e[t])
c = total(w[t] * h[t]) / total(w[t])
loss[t] = cross_entropy(y[t], softmax(V @ c + R @ h[t]))
""",
    "a convolution that reads ahead": IO
    + """
h: vector[n_h]
h[t] = relu(A @ x[t-2] + B @ x[t] + C @ x[t+1] + D @ x[t+3])
"""
    + READ,
    "a backward recurrence with a lead of two, read by a forward one": IO
    + """
h: vector[n_h]
b: vector[n_b]
b[T+1] = e
b[T+2] = f
b[t] = tanh(W_b @ x[t] + U_b @ b[t+1] + Q_b @ b[t+2])
h[t] = tanh(W @ x[t] + U @ h[t-1] + R @ b[t+1] + P @ b[t-1])
"""
    + READ,
    "scalars, a scalar state and a scalar logistic output": """
u: input
z: target
a[t] = tanh(w * u[t] + r * a[t-1] + b)
p[t] = sigmoid(v * a[t] + c)
loss[t] = binary_cross_entropy(z[t], p[t])
""",
    "a bias as a one in the input": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ concat(1, x[t], h[t-1]))
"""
    + READ,
    "matrices of parameters in products, transposed and squared": IO
    + """
h: vector[n_h]
A = (W @ W.T) / norm(W) + M.T * M - eye(n_h) * mean(M**2)
W: param[n_h, n_k]
M: param[n_h, n_h]
h[t] = tanh(A @ h[t-1] + (W.T @ (B.T @ A)).T @ (C @ x[t]))
B: param[n_h, n_h]
"""
    + READ,
    "a diagonal left and right of a matrix": IO
    + """
h: vector[n_h]
h[t] = tanh(diag(a) @ U @ diag(h[t-1]) @ c + W @ x[t]) + diag(a) @ (W @ x[t])
"""
    + READ,
    "a matrix as input and as state": """
X: input[n, m]
y: target[n]
H: matrix[n, m]
H[t] = tanh(W @ H[t-1] + X[t] @ R + outer(a, b))
v[t] = H[t] @ c + H[t].T.T @ c
loss[t] = squared_error(y[t], v[t])
""",
    "rows of a memory normalised by their lengths": IO
    + """
M: matrix[n, m]
k[t] = W_k @ x[t]
r[t] = sqrt(M[t-1]**2 @ ones(m) + 0.1)
w[t] = softmax(3 * (M[t-1] @ k[t]) / (r[t] * norm(k[t])))
M[t] = M[t-1] + outer(w[t], tanh(W_a @ x[t]))
loss[t] = cross_entropy(y[t], softmax(V @ (M[t].T @ w[t])))
""",
    "temporal links": IO
    + """
L: matrix[n, n]
w[t] = softmax(W @ x[t])
L[t] = (1 - outer(w[t], ones(n)) - outer(ones(n), w[t])) * L[t-1] + outer(w[t], w[t-1])
loss[t] = cross_entropy(y[t], softmax(V @ (L[t] @ w[t])))
""",
    "slices of parameters, of slices, with sums of sizes": IO
    + """
h: vector[n_h]
b: param[n_h + 2*n_k]
W: param[n_h + 2*n_k, n_x]
z[t] = W @ x[t] + b
h[t] = tanh(z[t][:n_h] + U @ h[t-1] + b[n_k:n_h + n_k]) * sum(z[t][n_h:][:n_k] * z[t][n_h + n_k:])
"""
    + READ,
    "splits in three of an input and of a state": """
x: input[3*n]
y: target[n]
a[t], b[t], c[t] = split(x[t], 3)
s[t] = tanh(U @ concat(s[t-1], a[t] * b[t])) + c[t]
u[t], v[t], w[t] = split(V @ s[t], 3)
loss[t] = squared_error(y[t], u[t] * v[t] - w[t])
""",
    "functions that call functions and return several values": IO
    + """
h: vector[n_h]
def gate(x, h, W, U):
    return sigmoid(W @ x + U @ h)
def two(x, h, W, U):
    k = gate(x, h, W, U)
    return k, 1 - k
f[t], i[t] = two(x[t], h[t-1], W_f, U_f)
h[t] = f[t] * h[t-1] + i[t] * tanh(W @ x[t])
"""
    + READ,
    "conditions that nest, compare and broadcast": IO
    + """
h: vector[n_h]
z[t] = W @ x[t] + U @ h[t-1]
h[t] = (z[t] if z[t] > 0.3 else 0.1 * z[t]**2) if sum(x[t]) >= 0 else (a if z[t] < h[t-1] else 0)
"""
    + READ,
    "a branch not taken that is no number": IO
    + """
h: vector[n_h]
z[t] = W @ x[t]
h[t] = sqrt(z[t]) if z[t] > 0 else log(1 - z[t])
"""
    + READ,
    "the first and the last step": IO
    + """
h: vector[n_h]
h[t] = a if t == 1 else tanh(W @ x[t] + U @ h[t-1])
loss[t] = cross_entropy(y[t], softmax(V @ h[t])) if t == T else 0.1 * sum(h[t]**2)
""",
    "powers": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t])**3 + 2**tanh(U @ h[t-1]) + (1 + exp(a))**b + abs(c)**1.5 / (1 + h[t-1]**2)**0.5
"""
    + READ,
    "the bounds of clip, and min and max of many, as parameters": IO
    + """
h: vector[n_h]
h[t] = clip(W @ x[t] + U @ h[t-1], -abs(lo), abs(hi)) + max(a * h[t-1], b, -0.2) - min(sum(x[t]), c, d)
"""
    + READ,
    "a target that is computed": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
p[t] = softmax(V @ h[t])
loss[t] = cross_entropy(softmax(Q @ h[t-1]), p[t]) + cross_entropy(y[t], p[t]) - 0.1 * sum(p[t] * log(p[t]))
""",
    "an output that feeds back and is read three ways": IO
    + """
h: vector[n_h]
h[t] = sigmoid(W @ x[t] + U @ p[t-1] + R @ p[t-2])
p[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], p[t]) + 0.3 * squared_error(y[t-1], p[t])
loss = 0.2 * norm(p[T])
""",
    "a sigmoid written out, a logistic loss in two parts": IO
    + """
h: vector[n_h]
h[t] = 1 / (1 + exp(-(W @ x[t] + U @ h[t-1])))
s[t] = sigmoid(V @ h[t])
loss[t] = -sum(y[t] * log(s[t]) + (1 - y[t]) * log(1 - s[t]))
""",
    "a stopped gradient on a path through time": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1]) - stop_gradient(0.5 * h[t-1]) * a
"""
    + READ,
    "one parameter everywhere": """
x: input[n]
y: target[n]
h[t] = tanh(W @ x[t] + W @ h[t-1] + W.T @ h[t-3])
loss[t] = cross_entropy(y[t], softmax(W @ h[t]))
loss = sum(W * W)
""",
    "a state that nothing drives": """
y: target[n]
h[0] = h_0
h[t] = roll(h[t-1], 1) * a + roll(h[t-1], -2) * b
loss[t] = squared_error(y[t], h[t])
""",
    "weights made of weights": IO
    + """
h: vector[n_h]
U = outer(a, b) + diag(softmax(c)) * 0.9
h[t] = tanh(W @ x[t] + U @ h[t-1])
"""
    + READ,
    "a loss without time alone": """
x: input[n_x]
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
loss = norm(h[T]) + mean(h[1]) + total(dot(h[t], h[t-1]))
""",
    "every elementwise function": IO
    + """
h: vector[n_h]
z[t] = W @ x[t] + U @ h[t-1]
h[t] = tanh(
    relu(z[t]) + silu(z[t]) * gelu(z[t]) - elu(z[t]) + softplus(z[t]) * erf(z[t]) + sin(z[t]) / (2 + cos(z[t]))
    + sqrt(abs(z[t]) + 1) + sign(z[t]) * sigmoid(z[t]) + log(2 + z[t]**2) + exp(-z[t]**2) + mod(z[t], 0.7)
)
"""
    + READ,
    "a network whose matrix is made by another one": IO
    + """
s: input[n_s]
h: vector[n_h]
A = outer(tanh(W_s @ s), b) + U
h[t] = tanh(A @ h[t-1] + W @ x[t] + V_s @ s)
"""
    + READ,
    "a matrix that is made anew at every step": IO
    + """
h: vector[n_h]
A[t] = outer(tanh(W_a @ x[t]), W_b @ x[t]) * M + diag(sigmoid(W_d @ x[t]))
h[t] = A[t] @ h[t-1] + A[t-1].T @ (W @ x[t]) * 0.1
q[t] = (A[t] @ A[t-1].T @ M) @ h[t]
loss[t] = squared_error(y[t], V @ q[t]) + 0.01 * sum(A[t]**2) + mean(A[t]) + norm(A[t-1])
""",
    "tokens in products, sums, concatenations and as targets": """
w: token[n_w]
c: token[n_c]
s: vector[n_s]
h: vector[n_h]
s = tanh(E_c @ c)
h[t] = tanh(E @ w[t] + U @ h[t-1] + R @ concat(w[t], w[t-1], s) + dot(a, w[t]) + E @ w[t+1])
z[t] = V @ h[t] + b * w[t]
p[t] = softmax(z[t])
loss[t] = cross_entropy(w[t+1], p[t]) + 0.1 * squared_error(w[t], p[t]) + sum(outer(w[t], h[t]) * M)
""",
    "teacher forcing with a trained start": IO
    + """
h: vector[n_h]
h[0] = 0.5
h[t] = tanh(W @ x[t] + U @ h[t-1] + R @ y[t-1])
"""
    + READ,
    "signs, brackets and powers where they are easily misread": IO
    + """
h: vector[n_h]
a[t] = -W @ x[t] - (U @ h[t-1] - (b - c)) - -d
e[t] = -a[t]**2 + 2**-tanh(a[t]) / (3 - -1.5e-1) + (-a[t])**2 * -1
h[t] = tanh(W @ -x[t] + a[t] - e[t] / 2 / 3 * 4)
"""
    + READ,
    "a function of the file in place of a built-in one": IO
    + """
h: vector[n_h]


def sigmoid(u):
    return 0.5 * (1 + u / (1 + abs(u)))


def relu(u, slope):
    return u if u > 0 else slope * u


h[t] = sigmoid(W @ x[t] + U @ h[t-1]) + relu(b - h[t-1], 0.1)
"""
    + READ,
    "kinds of starts and constants with values": IO
    + """
W: param[n_h, n_x] = normal(0.1)
U: param[n_h, n_h] = orthogonal
Q: param[...] = uniform(0.2)
P: param[n_h, n_h] = eye
b: param[n_h] = 0.01
k: constant[n_h] = 0.25
M: constant[n_h, n_h] = 0.1
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + Q @ h[t-2] + P @ (k * h[t-3]) + M @ h[t-1] + b)
"""
    + READ,
    "a phase that turns": IO
    + """
phi[t] = mod(phi[t-1] + omega + W @ x[t], 2 * pi)
h[t] = concat(cos(phi[t]), sin(phi[t]))
phi: vector[n]
"""
    + READ,
    "gates of the step before, and of the one before that": IO
    + """
h: vector[n_h]
i[t] = sigmoid(W_i @ x[t] + U_i @ h[t-1] + R_i @ i[t-1] + p_i * f[t-2])
f[t] = sigmoid(W_f @ x[t] + U_f @ h[t-1] + R_f @ i[t-1] + p_f * c[t-1])
c[t] = f[t] * c[t-1] + i[t] * tanh(W_c @ x[t])
h[t] = i[t-1] * tanh(c[t])
"""
    + READ,
    "three layers with shortcuts, the middle one backwards": IO
    + """
a: vector[n_a]
b: vector[n_b]
c: vector[n_c]
b[T+1] = tanh(B_0 @ a[T])
a[t] = tanh(W_a @ x[t] + U_a @ a[t-1])
b[t] = tanh(W_b @ a[t] + U_b @ b[t+1] + Q_b @ a[t-1])
c[t] = tanh(W_c @ b[t] + U_c @ c[t-1] + Q_c @ b[t+1] + S_c @ x[t])
loss[t] = cross_entropy(y[t], softmax(V_a @ a[t] + V_b @ b[t] + V_c @ c[t]))
""",
    "a backward recurrence that starts from what a forward one ends with": IO
    + """
f: vector[n_f]
g: vector[n_g]
f[t] = tanh(W_f @ x[t] + U_f @ f[t-1])
g[T+1] = tanh(R @ f[T] + r)
g[t] = tanh(W_g @ x[t] + U_g @ g[t+1])
loss = squared_error(q, V @ g[1])
q: target[n_q]
""",
    "a convex hull of memories": IO
    + """
h: vector[n_h]
w[t] = softmax(W @ x[t])
m[t] = sum(w[t][:1]) * h[t-1] + sum(w[t][1:2]) * h[t-2] + sum(w[t][2:3]) * h[t-4]
W: param[3, n_x]
h[t] = tanh(U @ m[t] + A @ x[t])
"""
    + READ,
    "integrate, and fire where the threshold moves": IO
    + """
v: vector[n_h]
v[t] = (0.9 * v[t-1] + W @ x[t] if v[t-1] < th[t-1] else 0 * W @ x[t]) + U @ h[t-1]
h[t] = sigmoid(4 * (v[t] - th[t-1]))
th[0] = 0.3
th[t] = 0.95 * th[t-1] + 0.1 * h[t-1] + 0.02
"""
    + READ,
    "observations that may be missing": """
x: input[n]
m: input[n]
d: input[n]
h: vector[n_h]
g_x[t] = exp(-max(0, w_x * d[t] + b_x))
g_h[t] = exp(-relu(W_h @ d[t] + b_h))
last[t] = m[t] * x[t] + (1 - m[t]) * last[t-1]
x_hat[t] = x[t] if m[t] > 0 else g_x[t] * last[t-1] + (1 - g_x[t]) * mean_x
h_hat[t] = g_h[t] * h[t-1]
r[t] = sigmoid(W_r @ x_hat[t] + U_r @ h_hat[t] + V_r @ m[t] + b_r)
z[t] = sigmoid(W_z @ x_hat[t] + U_z @ h_hat[t] + V_z @ m[t] + b_z)
h_tilde[t] = tanh(W @ x_hat[t] + U @ (r[t] * h_hat[t]) + V @ m[t] + b)
h[t] = (1 - z[t]) * h_hat[t] + z[t] * h_tilde[t]
loss = cross_entropy(c, softmax(R @ h[T] + b_y)) + 0.01 * total(norm(h[t] - h[t-1]))
c: target[n_y]
""",
    "a stack with push, pop and no-op": IO
    + """
S: matrix[n_s, n_m]
P: constant[n_s, n_s]
a[t] = softmax(A @ h[t])
A: param[3, n_h]
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + R @ (S[t-1].T @ e))
e: constant[n_s]
S[t] = sum(a[t][:1]) * (P @ S[t-1] + outer(e, tanh(D @ h[t]))) + sum(a[t][1:2]) * (P.T @ S[t-1]) + sum(a[t][2:]) * S[t-1]
"""
    + READ,
    "a mixture density at the output": """
x: input[n_x]
y: target
h: vector[n_h]
W_m: param[n_k, n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
l[t] = log_softmax(W_p @ h[t])
s[t] = W_s @ h[t]
loss[t] = -logsumexp(l[t] - s[t] - 0.5 * ((y[t] - W_m @ h[t]) / exp(s[t]))**2 - 0.5 * log(2 * pi))
""",
    "a variational bound with noise as input": IO
    + """
e: input[n_z]
h: vector[n_h]
mu[t] = W_mu @ h[t-1] + A_mu @ x[t]
ls[t] = W_s @ h[t-1]
z[t] = mu[t] + exp(0.5 * ls[t]) * e[t]
h[t] = tanh(U @ h[t-1] + R @ z[t])
loss[t] = squared_error(y[t], V @ h[t]) - 0.5 * sum(1 + ls[t] - mu[t]**2 - exp(ls[t]))
""",
    "contrast between steps, with similarities": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1])
n[t] = h[t] / (norm(h[t]) + 1e-3)
loss[t] = max(0, 0.5 - dot(n[t], n[t-1]) + dot(n[t], n[t-2])) + abs(sum(y[t])) * 0.1
""",
    "log-softmax, logsumexp and norms of what runs": IO
    + """
h: vector[n_h]
h[t] = log_softmax(W @ x[t] + U @ h[t-1]) * 0.3 + logsumexp(W @ x[t-1]) + norm(h[t-1])
"""
    + READ,
    "a parameter of which one half meets data": IO
    + """
h: vector[n_h]
g: param[2*n_h]
v: input[n_h]
a = g[:n_h] + v
s = tanh(g[n_h:])
h[t] = tanh(W @ x[t] + U @ h[t-1] - a)
loss = sum(s * s) + sum(a)
"""
    + READ,
    "logarithms of data, which zeros behind a sequence's end have not": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ log(abs(x[t])) + U @ h[t-1])
"""
    + READ,
    "sums over time of shifted values and of tokens": IO
    + """
h: vector[n_h]
k: token[n_k]
h[t] = tanh(W @ x[t] + U @ h[t-1])
m = total(h[t-1]) - 0.5 * total(E @ k[t]) + total(outer(h[t], h[t-1])) @ b
q[t] = h[t] + m
loss[t] = cross_entropy(y[t], softmax(V @ q[t] + b_y))
""",
    "a class for each sequence, which meets parameters alone": IO
    + """
h: vector[n_h]
k: token[n_k]
E: param[n_h, n_k]
h[t] = tanh(W @ x[t] + U @ h[t-1])
loss = dot(g, E @ k) + sum(E.T @ g)
"""
    + READ,
    "conditions on numbers alone": IO
    + """
h: vector[n_h]
h[t] = tanh(W @ x[t] + (U @ h[t-1] if 1 < 2 else 0.5 * h[t-1]) + (0.3 if 2 < 1 else g))
"""
    + READ,
    "outer products times vectors": IO
    + """
h: vector[n_h]
v: vector[n_v]
v[t] = P @ x[t]
h[t] = tanh(W @ x[t] + outer(h[t-1], v[t]) @ (Q @ x[t]))
r[t] = outer(x[t], v[t]) @ (Q @ x[t])
"""
    + READ,
    "tokens that choose rows of a table": IO
    + """
h: vector[n_h]
k: token[n_k]
E: param[n_k, n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + E.T @ k[t]) - 0.5 * (E.T @ k[t-1])
"""
    + READ,
    "a parameter summed over the steps, negative terms, and a factor before an outer product": IO
    + """
h: vector[n_h]
m = total(g)
h[t] = tanh(W @ x[t] - (g - m) * (U @ h[t-1]) - U @ x_bar)
x_bar = total(h_0[t]) * 0.1
h_0[t] = tanh(Q @ x[t])
"""
    + READ,
}


@cache
def made(feature):
    """The system and its module."""
    system = rnnsym.parse(SMALL[feature], name="small")
    return system, rnnsym.compile(system)


def complex_step_gradients(module, arrays, data, initial, sizes):
    """dC/d of every entry of parameters, float inputs and initial values."""

    def cost(a, d, i):
        return module.loss(module.Params.from_arrays(a, **sizes), **d, initial=i or None)

    found = {}
    for place, group in enumerate((arrays, data, initial)):
        for name, array in group.items():
            if not np.issubdtype(array.dtype, np.floating):
                continue
            gradient = np.zeros(array.shape)
            for index in np.ndindex(array.shape):
                moved = np.array(array, complex)
                moved[index] += 1e-30j
                groups = [arrays, data, initial]
                groups[place] = {**group, name: moved}
                gradient[index] = cost(*groups).imag / 1e-30
            found[name if place < 2 else f"{name}[0]"] = gradient
    return found


@pytest.mark.parametrize("feature", SMALL)
def test_gradients_of_everything_agree_with_the_complex_step(feature):
    (system, module), rng = made(feature), np.random.default_rng(11)
    arrays, data = some_params(system, rng), some_data(system, rng, steps=4)
    sizes = sizes_of(system)
    inputs = [d.name for d in system.data if d.kind == "input"]
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(arrays, **sizes), **data, wrt=inputs)
    wanted = complex_step_gradients(module, arrays, data, {}, sizes)
    assert_agree({**dict(grads.items()), **grads.inputs}, {k: v for k, v in wanted.items() if k in arrays or k in inputs}, 1e-12)
    cost, _, interpreted_gradients = interpreted(system, arrays, data, sizes=sizes)
    assert_agree({"loss": loss, **dict(grads.items())}, {"loss": cost, **interpreted_gradients}, 1e-12)


@pytest.mark.parametrize("feature", SMALL)
def test_a_padded_batch_equals_its_sequences(feature):
    (system, module), rng, lengths = made(feature), np.random.default_rng(12), (5, 1, 3)
    arrays, data = some_params(system, rng), some_data(system, rng, steps=5, batch=3)
    params = module.Params.from_arrays(arrays, **sizes_of(system))
    runs = [module.loss_and_grads(params, **alone(system, data, b, n)) for b, n in enumerate(lengths)]
    loss, grads, _ = module.loss_and_grads(params, **spoiled(system, data, lengths), lengths=np.array(lengths))
    wanted = {p: sum(g[p] for _, g, _ in runs) / 3 for p in arrays}
    assert_agree({"loss": loss, **dict(grads.items())}, {"loss": sum(r[0] for r in runs) / 3, **wanted}, 1e-13)


@pytest.mark.parametrize("feature", SMALL)
def test_one_statement_per_equation_gives_the_same(feature):
    (system, planned), rng, lengths = made(feature), np.random.default_rng(13), (4, 1)
    arrays, data = some_params(system, rng), some_data(system, rng, steps=4)
    given = spoiled(system, data, lengths)
    inputs, found = [d.name for d in system.data if d.kind == "input"], []
    for module in (planned, compile_module(generate(system, level=0), "small")):
        params = module.Params.from_arrays(arrays, **sizes_of(system))
        loss, grads, _ = module.loss_and_grads(params, **given, lengths=np.array(lengths), wrt=inputs)
        trace = module.forward(params, **given, lengths=np.array(lengths))
        found.append(
            {
                "loss": loss,
                **dict(grads.items()),
                **grads.inputs,
                **{f"trace.{v.name}": trace[v.name] for v in system.variables if v.name in trace},
            }
        )
    assert_agree(found[1], found[0], 1e-12)
