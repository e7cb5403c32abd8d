"""A Derivation as a document: the order of telling.

Comes in: a Derivation. Goes out: a `Document`, the same for every format. Each part is a function from a derivation and a typesetter to
blocks; a part that has nothing to say of a model yields nothing, and its heading with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.chain_rule import Teller
from rnnsym.documents.checking import check_document
from rnnsym.documents.code_part import code_blocks
from rnnsym.documents.conventions import convention_blocks
from rnnsym.documents.document import Display, Document
from rnnsym.documents.error_part import error_blocks
from rnnsym.documents.evidence_part import Evidence, evidence_blocks
from rnnsym.documents.figure_part import error_figures, model_figures
from rnnsym.documents.gradient_part import gradient_blocks
from rnnsym.documents.loss_part import loss_blocks
from rnnsym.documents.model_part import model_blocks, part_blocks
from rnnsym.documents.names import Names
from rnnsym.documents.skins import HOUSE, skin_of
from rnnsym.documents.time_part import time_blocks
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.vanishing_part import vanishing_blocks
from rnnsym.errors import UsageError

DETAILS = ("result", "steps", "full")


def derivation_names(derivation: Derivation, notation: str = HOUSE.name) -> Names:
    """The names of a derivation, in a notation (see `skins.py`): the model's, those of its named parts, and its errors."""
    joined = derivation.adjoint
    errors = {name: joined.forward.defined[key].lhs for key, name in joined.errors.items() if key in joined.forward.defined}
    errors |= {entry.error.name: entry.of for entry in (*derivation.errors, *derivation.gradients)}
    errors |= {name: joined.forward.by_name[loss].quantity for loss, name in joined.seeds.items()}
    return Names.of(derivation.model, derivation.prepared, errors=errors, skin=skin_of(notation))


def derivation_document(
    derivation: Derivation, detail: str = "steps", module: str = "", evidence: Sequence[Evidence] = (), notation: str = HOUSE.name
) -> Document:
    """The document of a derivation: the model, the names of its parts, conventions, errors, gradients.

    detail  "result": the equations and who reads what, no steps; "steps": every step, what is alike told once in full and then by
            analogy; "full": everything written out
    module  the source of the generated module, to lead from equations to code
    evidence  what was proved, tested and measured elsewhere (see `rnnsym.proof.evidence`); told as it is given
    notation  "house", "slides", "goodfellow" or "plain": how names, time and errors are written

    Every displayed step is evaluated on random arrays first; where one does not hold there is no document (InternalError E905).
    """
    if detail not in DETAILS:
        raise UsageError.at("U305", f"there is no detail `{detail}`", expected=", ".join(DETAILS))
    if not any(d.name in (STEP_LOSS, FINAL_LOSS) for d in derivation.model.definitions):
        found = f"`{derivation.model.name}` has no cost, so there is nothing to differentiate"
        raise UsageError.at("U502", found, instead="loss[t] = …; `rnnsym generate` writes the module alone", file="derive")
    names = derivation_names(derivation, notation)
    setter = Typesetter(names)
    teller = Teller(derivation, setter, detail)
    errors = tuple(error_blocks(teller))
    blocks = (
        *model_blocks(derivation, setter),
        *model_figures(derivation, names),
        *part_blocks(derivation, setter),
        *convention_blocks(derivation, setter),
        *(loss_blocks(derivation, setter) if detail != "result" else ()),
        *errors[:1],  # the heading
        *error_figures(derivation, names),
        *errors[1:],
        *time_blocks(teller),
        *gradient_blocks(teller),
        *vanishing_blocks(derivation, setter),
    )
    numbers = frozenset(r.number for b in blocks if isinstance(b, Display) for r in b.mathematics.rows if r.number is not None)
    claims = tuple(claim for b in blocks if isinstance(b, Display) for claim in b.claims)
    name = derivation.model.name
    blocks += (*code_blocks(name, numbers, module), *evidence_blocks(name, claims, evidence))
    document = Document(name, "Backpropagation through time, derived from the equations", blocks)
    check_document(derivation, document)
    return document
