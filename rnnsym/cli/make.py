"""`rnnsym derive`, `generate`, `make`: one model in, its derivation, its module, or both out.

Module and document are sealed (see `files`), on the terminal as in files, so that the same command always gives the same bytes.
"""

from __future__ import annotations

import keyword
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rnnsym import library
from rnnsym.algebra import System
from rnnsym.cli.check import print_warnings
from rnnsym.cli.files import seal, write_all
from rnnsym.cli.pdf import write_pdf
from rnnsym.cli.terminal import progress
from rnnsym.errors import NotSupported, UsageError

if TYPE_CHECKING:
    from rnnsym.documents.evidence_part import Evidence


def derive(options: Namespace) -> int:
    """Print or write the derivation: as equations, or as a document."""
    system = read(options.model)
    suffix = Path(options.output or "").suffix.removeprefix(".")
    kind = options.format or (suffix if suffix in FORMATS else "text")
    if kind == "text" and suffix in FORMATS:
        raise UsageError.at("U301", f"`{options.output}` would hold plain text", instead=f"--format {suffix}", file="rnnsym")
    if options.fragment:
        return _fragment(system, kind, options)
    if kind not in FORMATS and options.detail:
        raise UsageError.at(
            "U305", "equations alone have no steps", instead=f"--format md --detail {options.detail}", file="rnnsym --detail"
        )
    if kind not in FORMATS and options.notation != "house":
        instead = f"--format md --notation {options.notation}"
        raise UsageError.at("U307", "equations alone are printed as the file has them", instead=instead, file="rnnsym --notation")
    detail = options.detail or "steps"
    if kind == "pdf":
        return write_pdf(derivation_file(system, detail, options.notation), Path(options.output or f"{system.name}.pdf"), options.force)
    text = FORMATS[kind](system, detail, options.notation) if kind in FORMATS else _equations(system)
    emit(text if kind in FORMATS or not options.output else seal(text), options)
    return 0


def _fragment(system: System, kind: str, options: Namespace) -> int:
    """The derivation as a part of another LaTeX document."""
    from rnnsym.derivation import derive as derivation_of
    from rnnsym.documents import latex_fragment

    if options.format not in (None, "tex") or kind not in ("tex", "text"):
        raise UsageError.at("U301", "a fragment is LaTeX, to be read by \\input", instead="--format tex", file="rnnsym --fragment")
    with progress(f"{system.name}: derivation"):
        text = seal(latex_fragment(derivation_of(system), options.detail or "steps", *_module_and_evidence(system), options.notation), "%")
    emit(text, options)
    return 0


def generate(options: Namespace) -> int:
    """Print or write the NumPy module; with it, if asked for, its tests."""
    _check_levels(options)
    for asked, option in ((options.with_tests, "--with-tests"), (options.kernels, "--kernels")):
        if asked and options.output is None:
            raise UsageError.at("U306", f"{option} writes a file beside the module", instead="-o FILE, its place", file="rnnsym")
    system = read(options.model)
    if not options.with_tests and not options.kernels:
        emit(module_file(system, options.level), options)
        return 0
    module = Path(options.output)
    texts = module_files(system, module, options)
    if options.with_tests:
        texts[module.with_name(f"test_{module.stem}.py")] = tests_file(system, module, module.parent)
    _told(texts, write_all(texts, options.force), sys.stderr)
    return 0


def make(options: Namespace) -> int:
    """Write NAME.py and NAME.tex into a folder, and test_NAME.py if asked for."""
    system = read(options.model)
    folder = Path(options.output)
    module = folder / f"{system.name}.py"
    derivation = derivation_file(system, notation=options.notation)
    _check_levels(options)
    texts = {**module_files(system, module, options), folder / f"{system.name}.tex": derivation}
    if options.with_tests:
        texts[folder / f"test_{system.name}.py"] = tests_file(system, module, folder)
    _told(texts, write_all(texts, options.force))
    if not system.name.isidentifier() or keyword.iskeyword(system.name):
        print(f"note: `import {system.name}` is no Python: rename the model's file, or load the module by its path", file=sys.stderr)
    return 0


def read(model: str) -> System:
    """The System of MODEL; its warnings go to stderr, and a file of the same name that was not meant is mentioned."""
    beside = Path(f"{model}{library.SUFFIX}")
    if not library.is_path(model) and beside.is_file() and model in library.names():
        print(f"note: `{model}` is the library's model; the file in this folder is `{beside}`", file=sys.stderr)
    with progress(f"reading {model}"):
        system = library.load(model)
    print_warnings(system)
    return system


def module_file(system: System, level: int = 1) -> str:
    """The sealed text of the model's module."""
    from rnnsym.live import generate as module_text  # NumPy and Jinja: only when a module is made

    with progress(f"{system.name}: module"):
        return seal(module_text(system, level), "#")


def _check_levels(options: Namespace) -> None:
    if options.kernels and not options.level:
        raise UsageError.at("U308", "-O0 has one statement per equation and no loop to compile", instead="--kernels c alone", file="rnnsym")


def module_files(system: System, module: Path, options: Namespace) -> dict[Path, str]:
    """The sealed text of the module, and of the C file beside it where kernels are asked for."""
    if not options.kernels:
        return {module: module_file(system, options.level)}
    from rnnsym.live import generate_with_kernels

    beside = module.with_name(f"{module.stem}_kernels.c")
    with progress(f"{system.name}: module"):
        text, source = generate_with_kernels(system, beside.name)
    return {module: seal(text, "#"), beside: seal(source, "//")}


def tests_file(system: System, module: Path, folder: Path) -> str:
    """The sealed text of the pytest file for the module at `module`, for a test in `folder`."""
    from rnnsym.proof.emitted_tests import emitted_tests

    with progress(f"{system.name}: tests"):
        return seal(emitted_tests(system, Path(os.path.relpath(module, folder)).as_posix()), "#")


def derivation_file(system: System, detail: str = "steps", notation: str = "house") -> str:
    """The sealed text of the model's LaTeX derivation."""
    from rnnsym.derivation import derive as derivation_of
    from rnnsym.documents import latex_document

    with progress(f"{system.name}: derivation"):
        return seal(latex_document(derivation_of(system), detail, *_module_and_evidence(system), notation), "%")


def html_file(system: System, detail: str = "steps", notation: str = "house") -> str:
    """The sealed text of the model's derivation as one HTML file, the code that computes it included."""
    from rnnsym.derivation import derive as derivation_of
    from rnnsym.documents.derivation_page import html_document

    with progress(f"{system.name}: derivation"):
        module, evidence = _module_and_evidence(system)
        return seal(html_document(derivation_of(system), module, detail, evidence, notation), "<!--")


def markdown_file(system: System, detail: str = "steps", notation: str = "house") -> str:
    """The sealed text of the model's derivation as Markdown."""
    from rnnsym.derivation import derive as derivation_of
    from rnnsym.documents import derivation_document
    from rnnsym.documents.markdown import markdown

    with progress(f"{system.name}: derivation"):
        return seal(markdown(derivation_document(derivation_of(system), detail, *_module_and_evidence(system), notation)), "<!--")


@lru_cache(maxsize=4)  # of one model several formats are written
def _module_and_evidence(system: System) -> tuple[str, tuple[Evidence, ...]]:
    """The module that a document leads to, and how its gradients were checked; neither where the module cannot be written yet."""
    from rnnsym.live import generate as module_text
    from rnnsym.proof.evidence import evidence

    try:
        return module_text(system, level=0), evidence(system)
    except NotSupported:
        return "", ()


FORMATS: dict[str, Callable[[System, str, str], str]] = {
    "tex": derivation_file,
    "html": html_file,
    "md": markdown_file,
    "pdf": derivation_file,
}


def _equations(system: System) -> str:
    from rnnsym.derivation import derive as derivation_of

    with progress(f"{system.name}: derivation"):
        return f"{derivation_of(system)}\n"


def _told(texts: Iterable[Path], changed: Collection[Path], stream: TextIO | None = None) -> None:
    for path in texts:
        print(f"{path}{'' if path in changed else '  (unchanged)'}", file=stream)


def emit(text: str, options: Namespace) -> None:
    """To the terminal, or to the file that -o names."""
    if options.output is None:
        sys.stdout.write(text)
        return
    path = Path(options.output)
    _told([path], write_all({path: text}, options.force), sys.stderr)
