"""The peers: the same training step in PyTorch and in JAX, written for any model.

`translate` gives the text of the cost as a good programmer would write it, in the vocabulary of a library (`pytorch`, `jax_scan`);
`layers` finds the recurrences that PyTorch has as fused layers.
"""
