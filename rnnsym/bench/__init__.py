"""The bench: how fast is the generated module, beside the bare matrix products and beside other ways to train the same cell?

Everything here is worked out from a System, for any model: which products a training step cannot do without (`schedule`, `limit`), the
same cell as a loop of PyTorch operations and as a JAX scan, and whether PyTorch has a fused layer that is the same function (`peers`).
Contestants are checked to agree before they are timed, in turn, in a process of their own (`contest`, `process`).
"""

CONTESTANTS = ("limit", "kernels", "naive", "torch", "torch-loop", "jax")  # beside the module itself, in the order of every table
