"""Models that the language must carry: cells of many papers, each using something that the others do not."""

from __future__ import annotations

_DATA = "x: input[n_x]\ny: target[n_y]\n"
_READOUT = "p[t] = softmax(V @ h[t] + b_y)\nloss[t] = cross_entropy(y[t], p[t])\n"

# name: text
MODELS: dict[str, str] = {
    "layernorm": _DATA
    + """\
h: vector[n_h]
def layer_norm(z, gain, bias):
    d = z - mean(z)
    return gain * d / sqrt(mean(d**2) + 1e-5) + bias
i[t] = sigmoid(layer_norm(W_i @ x[t], g_i, b_i) + layer_norm(U_i @ h[t-1], k_i, c_i))
c[t] = (1 - i[t]) * c[t-1] + i[t] * tanh(W_c @ x[t])
h[t] = tanh(layer_norm(c[t], g_c, b_c))
"""
    + _READOUT,
    "splitlstm": _DATA
    + """\
h: vector[n_h]
i[t], f[t], o[t], g[t] = split(W @ x[t] + U @ h[t-1] + b, 4)
c[t] = sigmoid(f[t]) * c[t-1] + sigmoid(i[t]) * tanh(g[t])
h[t] = sigmoid(o[t]) * tanh(c[t])
"""
    + _READOUT,
    "mamba_ish": """\
x: input[n_x]
y: target
h: matrix[n_x, n_s]
A = -exp(A_log)
delta[t] = softplus(W_d @ x[t] + b_d)
B[t] = W_B @ x[t]
C[t] = W_C @ x[t]
h[t] = exp(outer(delta[t], ones(n_s)) * A) * h[t-1] + outer(delta[t] * x[t], B[t])
z[t] = h[t] @ C[t] + D * x[t]
loss[t] = squared_error(y[t], dot(w, z[t]))
""",
    "S4D_vector_passback": """\
x: input
y: target
n: vector[n_h]
A = -exp(A_log)
a = exp(A)
n[t] = a * n[t-1] + B * x[t]
loss[t] = squared_error(y[t], dot(C, n[t]) + D * x[t])
""",
    "mlstm_stabilised": _DATA
    + """\
C: matrix[n_h, n_h]
q[t] = W_q @ x[t]
k[t] = W_k @ x[t] / sqrt(n_h)
v[t] = W_v @ x[t]
i_tilde[t] = dot(w_i, x[t]) + b_i
f_tilde[t] = dot(w_f, x[t]) + b_f
m[t] = max(-softplus(-f_tilde[t]) + m[t-1], i_tilde[t])
i[t] = exp(i_tilde[t] - m[t])
f[t] = exp(-softplus(-f_tilde[t]) + m[t-1] - m[t])
C[t] = f[t] * C[t-1] + i[t] * outer(v[t], k[t])
n[t] = f[t] * n[t-1] + i[t] * k[t]
h[t] = sigmoid(W_o @ x[t] + b_o) * (C[t] @ q[t]) / max(abs(dot(n[t], q[t])), 1)
m[0] = -inf
"""
    + _READOUT,
    "slstm": _DATA
    + """\
h: vector[n_h]
z[t] = tanh(W_z @ x[t] + R_z @ h[t-1] + b_z)
i_t[t] = W_i @ x[t] + R_i @ h[t-1] + b_i
f_t[t] = W_f @ x[t] + R_f @ h[t-1] + b_f
o[t] = sigmoid(W_o @ x[t] + R_o @ h[t-1] + b_o)
m[t] = max(f_t[t] + m[t-1], i_t[t])
i[t] = exp(i_t[t] - m[t])
f[t] = exp(f_t[t] + m[t-1] - m[t])
c[t] = f[t] * c[t-1] + i[t] * z[t]
n[t] = f[t] * n[t-1] + i[t]
h[t] = o[t] * c[t] / n[t]
n[0] = 1
"""
    + _READOUT,
    "deep_bidirectional": _DATA
    + """\
a1: vector[n_1]
b1: vector[n_1b]
a2: vector[n_2]
b2: vector[n_2b]
a1[t] = tanh(W_1 @ x[t] + U_1 @ a1[t-1] + c_1)
b1[t] = tanh(W_1b @ x[t] + U_1b @ b1[t+1] + c_1b)
a2[t] = tanh(W_2 @ concat(a1[t], b1[t]) + U_2 @ a2[t-1])
b2[t] = tanh(W_2b @ concat(a1[t], b1[t]) + U_2b @ b2[t+1])
p[t] = softmax(V @ concat(a2[t], b2[t]) + b)
loss[t] = cross_entropy(y[t], p[t])
b2[T+1] = b_start
""",
    "many_to_one": _DATA
    + """\
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
p = softmax(V @ h[T] + b_y)
loss = cross_entropy(y, p)
""",
    "pooling": _DATA
    + """\
h: vector[n_h]
mask: input
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
s = total(mask[t] * h[t]) / total(mask[t])
p = softmax(V @ s + b_y)
loss = cross_entropy(y, p)
loss[t] = 0.01 * norm(h[t])**2
""",
    "conditional_last": _DATA
    + """\
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
p[t] = softmax(V @ h[t] + b_y)
loss[t] = cross_entropy(y[t], p[t]) if t == T else 0
""",
    "decoder": _DATA
    + """\
h: vector[n_h]
d: vector[n_d]
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
d[0] = tanh(W_0 @ h[T])
d[t] = tanh(U_d @ d[t-1] + W_d @ y[t-1] + b_d)
p[t] = softmax(V @ d[t] + b_y)
loss[t] = cross_entropy(y[t], p[t])
""",
    "fast_weights": _DATA
    + """\
h: vector[n_h]
A: matrix[n_h, n_h]
lam: constant = 0.95
eta: constant = 0.5
s[t] = W @ x[t] + U @ h[t-1]
A[t] = lam * A[t-1] + eta * outer(h[t-1], h[t-1])
h[t] = relu(g * (s[t] + A[t] @ h[t-1] - mean(s[t] + A[t] @ h[t-1])) / sqrt(mean((s[t])**2) + 1e-5) + b)
"""
    + _READOUT,
    "delta_rule": _DATA
    + """\
S: matrix[n_v, n_k]
k[t] = W_k @ x[t] / norm(W_k @ x[t])
v[t] = W_v @ x[t]
beta[t] = sigmoid(dot(w_b, x[t]))
S[t] = S[t-1] - beta[t] * outer(S[t-1] @ k[t] - v[t], k[t])
q[t] = W_q @ x[t]
h[t] = S[t] @ q[t]
"""
    + _READOUT,
    "gla": _DATA
    + """\
S: matrix[n_k, n_v]
a[t] = sigmoid(W_a2 @ (W_a1 @ x[t]) + b_a) ** (1/16)
k[t] = W_k @ x[t]
v[t] = W_v @ x[t]
S[t] = diag(a[t]) @ S[t-1] + outer(k[t], v[t])
h[t] = S[t].T @ (W_q @ x[t])
W_a1: param[n_r, n_x]
"""
    + _READOUT,
    "token_embedding": """\
w: token[n_v]
y: target[n_v]
h: vector[n_h]
e: vector[n_e]
e[t] = E @ w[t]
h[t] = tanh(W @ e[t] + U @ h[t-1] + b)
"""
    + _READOUT,
    "rotary_roll_urnn": _DATA
    + """\
h: vector[n_h]
h[t] = tanh(D * roll(h[t-1], 1) + W @ x[t])
"""
    + _READOUT,
    "clockwork_mod": _DATA
    + """\
h: vector[n_h]
period: constant[n_h]
time: input
h_new[t] = tanh(W @ x[t] + U @ h[t-1] + b)
h[t] = h_new[t] if mod(time[t], period) <= 0 else h[t-1]
"""
    + _READOUT,
    "phased_lstm_ish": _DATA
    + """\
h: vector[n_h]
time: input
phi[t] = mod(time[t] - s, tau) / tau
k[t] = 2 * phi[t] / r if phi[t] < 0.5 * r else (2 - 2 * phi[t] / r if phi[t] < r else 0.001 * phi[t])
r: param = 0.05
s: param[n_h] = uniform(1)
tau: param[n_h] = 1
h_n[t] = tanh(W @ x[t] + U @ h[t-1])
h[t] = k[t] * h_n[t] + (1 - k[t]) * h[t-1]
"""
    + _READOUT,
    "trained_h0": _DATA
    + """\
h: vector[n_h]
h[0] = h_0
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
"""
    + _READOUT,
    "autonomous": """\
y: target[n_y]
h: vector[n_h]
h[t] = tanh(U @ h[t-1])
h[0] = h_0
v[t] = V @ h[t]
loss[t] = squared_error(y[t], v[t])
""",
    "names": """\
E: input[N]
S: target[I]
beta: vector[C]
gamma[t] = sigmoid(zeta @ E[t] + re @ beta[t-1] + im)
beta[t] = (1 - gamma[t]) * beta[t-1] + gamma[t] * tanh(Q @ E[t])
norm[t] = norm(beta[t])
params[t] = softmax(O @ beta[t])
loss[t] = cross_entropy(S[t], params[t]) + 0.01 * norm[t]
""",
    "attention_ntm_ish": _DATA
    + """\
M: matrix[n_m, n_w]
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + R @ r[t-1] + b)
k[t] = W_k @ h[t]
w[t] = softmax(beta * (M[t-1] @ k[t]))
beta: param
e[t] = sigmoid(W_e @ h[t])
a[t] = W_a @ h[t]
M[t] = M[t-1] * (1 - outer(w[t], e[t])) + outer(w[t], a[t])
r[t] = M[t].T @ w[t]
"""
    + _READOUT,
    "slice": _DATA
    + """\
h: vector[n_h]
g[t] = W @ x[t] + U @ h[t-1] + b
b: param[2*n_h]
h[t] = sigmoid(g[t][:n_h]) * tanh(g[t][n_h:]) + (1 - sigmoid(g[t][:n_h])) * h[t-1]
"""
    + _READOUT,
    "matrix_param_product": _DATA
    + """\
h: vector[n_h]
P: param[n_h, n_r]
h[t] = tanh(W @ x[t] + P @ Q @ h[t-1])
"""
    + _READOUT,
    "static_input": """\
x: input[n_x]
u: input[n_u]
y: target[n_y]
h: vector[n_h]
c = tanh(W_c @ u + b_c)
c: vector[n_c]
h[t] = tanh(W @ x[t] + U @ h[t-1] + C @ c)
"""
    + _READOUT,
    "scalar_model": """\
x: input
y: target
h[t] = tanh(w * x[t] + u * h[t-1] + b)
loss[t] = squared_error(y[t], h[t])
""",
    "counter": """\
x: input[n_x]
y: target[n_x]
n[t] = n[t-1] + 1
s[t] = s[t-1] + x[t]
a[t] = s[t] / n[t]
loss[t] = squared_error(y[t], a[t])
""",
    "two_returns": _DATA
    + """\
h: vector[n_h]
def cellf(z, c):
    i, f, g = split(z, 3)
    c_new = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return c_new, tanh(c_new)
c[t], h[t] = cellf(W @ x[t] + U @ h[t-1] + b, c[t-1])
"""
    + _READOUT,
    "indrnn": _DATA
    + """\
h: vector[n_h]
h[t] = relu(W @ x[t] + u * h[t-1] + b)
"""
    + _READOUT,
    "lmu": """\
x: input
y: target[n_y]
h: vector[n_h]
A: constant[n_d, n_d]
B: constant[n_d]
u[t] = e_x * x[t] + dot(e_h, h[t-1]) + dot(e_m, m[t-1])
m[t] = A @ m[t-1] + B * u[t]
h[t] = tanh(w * x[t] + U @ h[t-1] + W_m @ m[t])
"""
    + _READOUT,
    "matrix_input": """\
X: input[n, m]
y: target
h: matrix[n, m]
h[t] = tanh(W @ X[t] @ U + R @ h[t-1] + B)
v[t] = sum(h[t] * w)
loss[t] = (v[t] - y[t])**2
""",
}

# name: what some of its names come to
SHAPES: dict[str, dict[str, str]] = {
    "layernorm": {"g_i": "(n_h,)", "b_c": "(n_h,)", "c": "(n_h,)", "W_c": "(n_h, n_x)"},
    "splitlstm": {"W": "(4*n_h, n_x)", "U": "(4*n_h, n_h)", "b": "(4*n_h,)", "g": "(n_h,)"},
    "mamba_ish": {"A_log": "(n_x, n_s)", "W_B": "(n_s, n_x)", "D": "(n_x,)", "w": "(n_x,)"},
    "S4D_vector_passback": {"A_log": "(n_h,)", "a": "(n_h,)", "B": "(n_h,)", "C": "(n_h,)", "D": "()"},
    "mlstm_stabilised": {"m": "()", "b_i": "()", "n": "(n_h,)", "w_i": "(n_x,)", "W_k": "(n_h, n_x)", "b_o": "(n_h,)"},
    "slstm": {"m": "(n_h,)", "n": "(n_h,)", "c": "(n_h,)"},
    "deep_bidirectional": {"W_2": "(n_2, n_1 + n_1b)", "b_start": "(n_2b,)", "V": "(n_y, n_2 + n_2b)"},
    "many_to_one": {"p": "(n_y,)"},
    "pooling": {"s": "(n_h,)"},
    "decoder": {"W_0": "(n_d, n_h)", "W_d": "(n_d, n_y)"},
    "fast_weights": {"g": "(n_h,)"},
    "delta_rule": {"W_q": "(n_k, n_x)", "beta": "()"},
    "gla": {"W_a2": "(n_k, n_r)", "b_a": "(n_k,)"},
    "token_embedding": {"E": "(n_e, n_v)", "V": "(n_v, n_h)"},
    "rotary_roll_urnn": {"D": "(n_h,)"},
    "phased_lstm_ish": {"k": "(n_h,)", "phi": "(n_h,)"},
    "trained_h0": {"h_0": "(n_h,)"},
    "autonomous": {"h_0": "(n_h,)", "V": "(n_y, n_h)"},
    "names": {"zeta": "(C, N)", "norm": "()"},
    "attention_ntm_ish": {"k": "(n_w,)", "r": "(n_w,)", "R": "(n_h, n_w)"},
    "slice": {"W": "(2*n_h, n_x)"},
    "matrix_param_product": {"Q": "(n_r, n_h)"},
    "static_input": {"C": "(n_h, n_c)"},
    "scalar_model": {"w": "()", "h": "()", "b": "()"},
    "counter": {"n": "()", "s": "(n_x,)"},
    "two_returns": {"W": "(3*n_h, n_x)"},
    "indrnn": {"u": "(n_h,)"},
    "lmu": {"e_x": "()", "e_m": "(n_d,)", "w": "(n_h,)"},
    "matrix_input": {"W": "(n, n)", "U": "(m, m)", "B": "(n, m)", "w": "(n, m)"},
}
