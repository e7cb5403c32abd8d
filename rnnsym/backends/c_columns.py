"""Columns as C: softmax, its loss and its error for vectors that lie side by side, and their turning for gradient sums.

Comes in: the name of such a function. Goes out: its C text, and the Python that calls it. These act along a vector, so no kernel of
`c_kernels` has them; an array (steps, rows, batch) is handed over as its address and the bytes from step to step and row to row.
"""

from __future__ import annotations

from rnnsym.backends.c_kernels import CFunction

SOURCES = {
    "softmax_rows": """
/* exp(z) / sum(exp(z)) of every column, without overflow */
void NAME(softmax_rows)(const char *z, long z_step, long z_row, char *p, long p_step, long p_row, long steps, long rows, long batch)
{
    for (long t = 0; t < steps; t++)
        for (long first = 0; first < batch; first += 16) {
            const long count = batch - first < 16 ? batch - first : 16;
            REAL top[16], sum[16];
            for (long b = 0; b < count; b++) top[b] = -(REAL)INFINITY, sum[b] = 0;
            for (long j = 0; j < rows; j++) {
                const REAL *u = (const REAL *)(z + t * z_step + j * z_row) + first;
                for (long b = 0; b < count; b++) top[b] = u[b] > top[b] ? u[b] : top[b];
            }
            for (long b = 0; b < count; b++) top[b] = isinf(top[b]) ? 0 : top[b];
            for (long j = 0; j < rows; j++) {
                const REAL *u = (const REAL *)(z + t * z_step + j * z_row) + first;
                REAL *v = (REAL *)(p + t * p_step + j * p_row) + first;
#pragma GCC ivdep
                for (long b = 0; b < count; b++) v[b] = NAME(exp)(u[b] - top[b]), sum[b] += v[b];
            }
            for (long j = 0; j < rows; j++) {
                REAL *v = (REAL *)(p + t * p_step + j * p_row) + first;
                for (long b = 0; b < count; b++) v[b] /= sum[b];
            }
        }
}
""",
    "softmax_loss": """
/* -log(softmax(z)) at a class y of every column: log(1 + the others) where y is the largest; 0 where y is no class */
void NAME(softmax_loss)(const int64_t *y, const char *z, long z_step, long z_row, REAL *loss, long steps, long rows, long batch)
{
    for (long t = 0; t < steps; t++)
        for (long first = 0; first < batch; first += 16) {
            const long count = batch - first < 16 ? batch - first : 16;
            REAL top[16], rest[16];
            long at[16];
            for (long b = 0; b < count; b++) top[b] = -(REAL)INFINITY, rest[b] = 0, at[b] = -1;
            for (long j = 0; j < rows; j++) {
                const REAL *u = (const REAL *)(z + t * z_step + j * z_row) + first;
                for (long b = 0; b < count; b++) {
                    at[b] = u[b] > top[b] ? j : at[b];
                    top[b] = u[b] > top[b] ? u[b] : top[b];
                }
            }
            for (long j = 0; j < rows; j++) {
                const REAL *u = (const REAL *)(z + t * z_step + j * z_row) + first;
#pragma GCC ivdep
                for (long b = 0; b < count; b++) rest[b] += j == at[b] ? 0 : NAME(exp)(u[b] - top[b]);
            }
            for (long b = 0; b < count; b++) {
                const long k = y[t * batch + first + b];
                const REAL own = k < 0 ? 0 : ((const REAL *)(z + t * z_step + k * z_row))[first + b];
                loss[t * batch + first + b] = k < 0 ? 0 : (REAL)log1p((double)rest[b]) + (top[b] - own);
            }
        }
}
""",
    "excess": """
/* p, less 1 at a class y of every column; 0 where y is no class */
void NAME(excess)(const int64_t *y, const char *p, long p_step, long p_row, char *out, long o_step, long o_row,
                  long steps, long rows, long batch)
{
    for (long t = 0; t < steps; t++)
        for (long j = 0; j < rows; j++) {
            const REAL *u = (const REAL *)(p + t * p_step + j * p_row);
            REAL *v = (REAL *)(out + t * o_step + j * o_row);
            const int64_t *k = y + t * batch;
            for (long b = 0; b < batch; b++) v[b] = k[b] < 0 ? 0 : u[b] - (REAL)(k[b] == j);
        }
}
""",
    "flatten": """
/* vectors (steps, rows, batch) as (rows, steps, batch), some steps at a time, so that lines of memory are written whole */
void NAME(flatten)(const REAL *u, REAL *out, long steps, long rows, long batch)
{
    for (long first = 0; first < steps; first += 16)
        for (long j = 0; j < rows; j++)
            for (long t = first; t < steps && t < first + 16; t++)
                memcpy(out + (j * steps + t) * batch, u + (t * rows + j) * batch, batch * sizeof *u);
}
""",
}

METHODS = {
    "softmax_rows": '''
    def softmax_rows(self, z: NDArray, axis: int, out: NDArray | None = None) -> NDArray:
        """As the function of this name."""
        if axis != -2 or out is None or not self.suits(z, out) or out.shape != z.shape:
            return softmax_rows(z, axis, out)
        self.call("softmax_rows", *placed(z), *placed(out), *extent(z))
        return out
''',
    "softmax_loss": '''
    def softmax_loss(self, y: NDArray, z: NDArray, axis: int, p: NDArray | None = None) -> NDArray:
        """As the function of this name."""
        if axis != -2 or not self.suits(z) or not is_classes_of(y, z):
            return softmax_loss(y, z, axis, p)
        out = np.empty(y.shape, z.dtype)
        self.call("softmax_loss", address(y), *placed(z), address(out), *extent(z))
        return out
''',
    "excess": '''
    def excess(self, p: NDArray, y: NDArray, out: NDArray | None = None) -> NDArray:
        """As the function of this name."""
        if out is None or not self.suits(p, out) or out.shape != p.shape or not is_classes_of(y, p):
            return excess(p, y, out)
        self.call("excess", address(y), *placed(p), *placed(out), *extent(p))
        return out
''',
    "flatten": '''
    def flatten(self, u: NDArray, out: NDArray) -> NDArray:
        """As the function of this name."""
        if not self.suits(u) or not u.flags.c_contiguous:
            return flatten(u, out)
        self.call("flatten", address(u), address(out), *extent(u))
        return out
''',
}


def column_function(name: str) -> CFunction:
    """The C function of this name; it is called through the method of the same name."""
    return CFunction(name, lines=SOURCES[name].rstrip("\n").split("\n"))


__all__ = ["METHODS", "SOURCES", "column_function"]
