"""Which names the Python reference shows, in which order, and of which classes which members."""

from __future__ import annotations

SECTIONS: dict[str, tuple[str, ...]] = {
    "From a model to its gradients": ("load", "parse", "edit", "derive", "generate", "compile", "verify"),
    "Models as objects": ("System", "Derivation"),
    "Models written in Python": ("Quantity", "sizes", "t", "apply"),
    "Errors": ("RnnsymError", "ModelError", "NotSupported", "UsageError", "InternalError"),
}

MEMBERS: dict[str, tuple[str, ...]] = {
    "System": ("from_equations", "replace", "add", "drop", "check", "equations", "params", "data", "sizes", "components"),
    "Derivation": ("entries",),
}

MODULE: dict[str, tuple[str, ...]] = {
    "init_params": (),
    "Params": ("from_arrays", "keys", "items", "copy", "save", "load"),
    "forward": (),
    "loss": (),
    "loss_and_grads": (),
    "Gradients": (),
    "backward": (),
    "initial_state": (),
    "step": (),
    "State": (),
    "Trace": ("state",),
    "sgd_step": (),
}
