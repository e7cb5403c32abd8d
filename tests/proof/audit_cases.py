"""The seeded slips: which file, which function, against which model, what the audit should say, and under which word."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "audited"
MODELS = {
    "lstm_course": "lstm", "lstm_stacked": "lstm", "rnn_columns": "rnn", "gru_batch": "gru", "classifier": "many_to_one",
    "bidirectional": "birnn", "narx": "narx",
}  # fmt: skip


class Case(NamedTuple):
    """One slip: what is told first must hold these words."""

    file: str
    function: str
    kind: str
    words: str

    @property
    def place(self) -> str:
        return f"{FOLDER / self.file}.py:{self.function}"

    @property
    def model(self) -> str:
        return MODELS[self.file]


CASES = tuple(
    Case(*row)
    for row in (
        ("lstm_course", "nothing_handed_on", "all paths through time dropped", "no error is handed from one step to another"),
        ("lstm_course", "cell_not_handed_on", "path through time dropped", "the term `d_c[t+1] * f[t+1]` in `d_c[t]` is dropped"),
        ("lstm_course", "forget_gate_not_handed_on", "path through time dropped", "the term `U_f.T @ d_f_bar[t+1]` in `d_h[t]` is dropped"),
        ("lstm_course", "forget_gate_of_next_step", "lag off by one", "`f[t]` stands in place of `f[t+1]` in `d_c[t]`"),
        ("lstm_course", "c_for_tanh_c", "pre- for post-activation", "`c[t]` stands in place of `tanh(c[t])` in `d_c[t]`"),
        ("lstm_course", "new_cell_for_old", "lag off by one", "`c[t]` stands in place of `c[t-1]` in `d_f[t]`"),
        ("lstm_course", "forget_for_input", "wrong neighbour", "`f[t]` stands in place of `i[t]` in `d_g[t]`"),
        ("lstm_stacked", "order_of_gates", "gates exchanged", "blocks in the order W_i, W_f, W_g, W_o instead of W_i, W_f, W_o, W_g"),
        ("lstm_stacked", "never_set_back", "carried error never set back", "what `d_h[t]` receives from another step is added up"),
        ("lstm_stacked", "bias_averaged", "mean for sum", "the gradient of `b` is divided by the number of sequences once too often"),
        ("rnn_columns", "no_derivative", "activation derivative missing", "the derivative of tanh, `1 - a_x[t]**2`, in `d_z_x[t]` is missing"),
        ("rnn_columns", "no_square", "power forgotten", "the power `a_x[t]**2` in `d_z_x[t]` is forgotten"),
        ("rnn_columns", "tanh_twice", "activation applied twice", "`tanh(a_x[t])` stands in place of `a_x[t]` in `d_z_x[t]`"),
        ("rnn_columns", "same_step", "lag off by one", "`a_x[t]` stands in place of `a_x[t-1]` in `d_W_h`"),
        ("rnn_columns", "not_transposed", "transpose", "`W_h` stands in place of `W_h.T` in `d_a_x[t]`"),
        ("rnn_columns", "wraps_around", "wraps around", "`a_x[T]` (index -1 of an array) stands in place of `a_x[0]` in `d_W_h`"),
        ("rnn_columns", "not_accumulated", "not accumulated over time", "the sum over time in `d_b_x` keeps the first step alone"),
        ("rnn_columns", "first_step_left_out", "first step left out", "t = 1, is left out of the sum over time of every gradient"),
        ("rnn_columns", "square_around", "power misplaced", "`(1 - a_x[t])**2` stands in place of `1 - a_x[t]**2` in `d_z_x[t]`"),
        ("rnn_columns", "own_loss_alone", "path through time dropped", "`d_W_h` takes `d_z_x[t]` of each step's own loss alone"),
        ("gru_batch", "softmax_twice", "derivative applied twice", "`d_p_bar[t]` is multiplied by one more derivative of softmax"),
        ("gru_batch", "gate_for_rest", "gate for its complement", "`z[t]` stands in place of `1 - z[t]` in `d_h_tilde[t]`"),
        ("gru_batch", "sign_of_update", "sign", "the sign of all of `d_z[t]` is reversed"),
        ("gru_batch", "tanh_for_sigmoid", "another function's derivative", "the derivative of tanh, `1 - r[t]**2`, stands in `d_r_bar[t]`"),
        ("gru_batch", "ungated_state", "factor missing", "the factor `r[t]` of `h_tilde_hat[t]` = `r[t] * h[t-1]` in `d_U` is missing"),
        ("gru_batch", "wrong_axis", "wrong axis", "`d_b` is summed over its entries, that is over the wrong axis"),
        ("gru_batch", "gate_dropped", "factor missing", "the factor `r[t+1]` in `d_h[t]` is missing"),
        ("gru_batch", "gate_twice", "factor applied twice", "the factor `r[t+1]` in `d_h[t]` is applied twice"),
        ("gru_batch", "slope_of_another_gate", "wrong neighbour", "`r[t]` stands in place of `z[t]` throughout `d_z_bar[t]`"),
        ("classifier", "summed_over_batch", "sum for mean", "`d_b_y` alone is summed over the sequences instead of averaged"),
        ("classifier", "start_as_zero", "initial state ignored", "the initial value `h[0]` is taken as zero in `d_U`"),
        ("classifier", "start_of_first_step", "initial state", "`d_h[1]` stands in place of `U.T @ d_h_bar[1]` in `d_h_at0`"),
        ("bidirectional", "same_direction", "other direction of time", "`d_b_bar[t+1]` stands in place of `d_b_bar[t-1]` in `d_b[t]`"),
        ("bidirectional", "state_before", "other direction of time", "`b[t-1]` stands in place of `b[t+1]` in `d_U_b`"),
        ("narx", "factor_two", "factor 2", "all gradients are taken twice"),
        ("narx", "third_as_second", "lag off by one", "`d_h_bar[t+2]` stands in place of `d_h_bar[t+3]` in `d_v[t]`"),
    )
)  # fmt: skip
