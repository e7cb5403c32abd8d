"""`rnnsym build`: everything that a project names, and only what changed.

A model is skipped when its text, rnnsym's own code, its templates and the libraries' versions are those of the last build, and its outputs
are still the files of that build; a small record in `.rnnsym_cache/` says so. It may be deleted at any time. `--check` never trusts it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from rnnsym import __version__
from rnnsym.cli.files import is_sealed, is_untouched, read_text, seal, write_all
from rnnsym.cli.outcome import DONE, FAILED, tell
from rnnsym.cli.project import Job, Project, installed_versions, read_project
from rnnsym.cli.terminal import DIM, paint, progress
from rnnsym.library import summary
from rnnsym.resources import PACKAGE, templates_folder

CACHE = ".rnnsym_cache"
LONGEST_DIFF = 200  # lines shown for one file
Task = tuple[Sequence[Path], str, Callable[[], dict[Path, str]]]  # files, a digest of what they are made from, what makes them


def build(options: Namespace) -> int:
    """Build once, check, or watch."""
    here = Path.cwd()
    if options.watch:
        return watch(here, options.force, options.debug)
    if options.check:
        return check_project(read_project(here), options.debug)
    return build_project(read_project(here), options.force, options.debug)


# ---------------------------------------------------------------- once


def build_project(project: Project, force: bool = False, debug: bool = False) -> int:
    """Make what changed; an error in one model does not keep the others from being made."""
    code, made = DONE, 0
    record, program = _read_record(project), program_fingerprint()
    jobs = project.jobs()
    tasks: list[Task] = [(job.outputs, _job_key(job, project, program), partial(outputs, job, project)) for job in jobs]
    if project.index:
        tasks.append(((project.folder / project.index,), _index_key(jobs, project, program), partial(index, jobs, project)))
    for paths, key, texts_of in tasks:
        if not force and _is_done(project, paths, key, record):
            continue
        try:
            texts = texts_of()
            for path in write_all(texts, force):
                print(f"{project.shown(path)}  written")
                made += 1
        except BrokenPipeError:  # who reads the diff has seen enough: `main` knows what to do
            raise
        except Exception as error:
            code = max(code, tell(error, debug))
            continue
        record |= {project.shown(path): {"from": key, "digest": _digest(text)} for path, text in texts.items()}
    _write_record(project, record)
    if not made and code == DONE:
        print(f"everything is up to date ({len(jobs)} model{'' if len(jobs) == 1 else 's'})")
    return code


def outputs(job: Job, project: Project) -> dict[Path, str]:
    """The texts that a job's files should hold."""
    from rnnsym.cli import make  # brings SymPy: only where something is to be made
    from rnnsym.library import load

    with progress(f"reading {project.shown(job.model)}"):
        system = load(Path(project.shown(job.model)) if project.folder == Path.cwd() else job.model)
    texts = {}
    if job.module:
        texts[job.module] = make.module_file(system)
    if job.derivation:
        texts[job.derivation] = make.derivation_file(system, notation=project.notation)
    if job.page:
        texts[job.page] = make.html_file(system, notation=project.notation)
    if job.tests and job.module:
        texts[job.tests] = make.tests_file(system, job.module, job.tests.parent)
    return texts


def index(jobs: Sequence[Job], project: Project) -> dict[Path, str]:
    """The text of the page that leads to all pages, where the project wants one."""
    if project.index is None:
        return {}
    from rnnsym.documents.html_document import Entry, index_source

    place = project.folder / project.index
    entries = []
    for job in sorted(jobs, key=lambda job: job.model.stem):
        links = {label: path for label, path in (("LaTeX", job.derivation), ("Python", job.module)) if path}
        files = tuple((label, _link(place, path)) for label, path in links.items())
        entries.append(Entry(job.model.stem, summary(job.model), _link(place, job.page), files))
    return {place: seal(index_source("Derivations", entries), "<!--")}


def _link(place: Path, target: Path | None) -> str:
    """The way from the page at `place` to a file, as an address."""
    return quote(Path(os.path.relpath(target or place, place.parent)).as_posix())


def _is_done(project: Project, paths: Sequence[Path], key: str, record: dict[str, dict[str, str]]) -> bool:
    for path in paths:
        known, text = record.get(project.shown(path)), read_text(path)
        if known is None or text is None or known["from"] != key or known["digest"] != _digest(text):
            return False
    return True


def program_fingerprint() -> str:
    """A digest of rnnsym itself, code and templates, and of the libraries' versions: equal fingerprints give equal outputs."""
    digest = hashlib.sha256(json.dumps([__version__, installed_versions(), sys.version_info[:2]]).encode())
    for folder, pattern in ((PACKAGE, "*.py"), (templates_folder(), "*")):
        for path in sorted(folder.rglob(pattern)):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _job_key(job: Job, project: Project, program: str) -> str:
    """A digest of what a job's files are made from: the model's text, the notation, the files' places (a test names its module's)."""
    places = json.dumps([program, project.notation, *map(project.shown, job.outputs)])
    return hashlib.sha256(places.encode() + b"\0" + job.model.read_bytes()).hexdigest()


def _index_key(jobs: Sequence[Job], project: Project, program: str) -> str:
    """A digest of what the index is made from: the models' first sentences and the places of their files."""
    lines = [[project.shown(path) for path in (job.model, *job.outputs)] + [summary(job.model)] for job in jobs]
    return _digest(json.dumps([program, project.index, lines]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _read_record(project: Project) -> dict[str, dict[str, str]]:
    try:
        record = json.loads((project.folder / CACHE / "build.json").read_text(encoding="utf-8"))
        return {path: {"from": entry["from"], "digest": entry["digest"]} for path, entry in record.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}  # a lost or broken record costs one build


def _write_record(project: Project, record: dict[str, dict[str, str]]) -> None:
    text = json.dumps(dict(sorted(record.items())), indent=1) + "\n"
    folder = project.folder / CACHE
    if not folder.resolve().is_relative_to(project.folder.resolve()):  # a link of somebody's: nothing is written through it
        return
    try:
        if read_text(folder / "build.json") != text:
            write_all({folder / ".gitignore": "*\n", folder / "build.json": text}, force=True)
    except Exception as error:  # no record, then: the next build takes longer, nothing else
        print(f"note: no build record could be kept: {str(error).splitlines()[0]}", file=sys.stderr)


# ---------------------------------------------------------------- check


def check_project(project: Project, debug: bool = False) -> int:
    """Compare every output with what its model gives now: differing library versions first, then diffs, then the command that accepts."""
    differing = project.differing_versions()
    if differing:
        print(f"libraries differ from [tool.rnnsym.versions]: {', '.join(differing)}")
        print("  outputs may differ for that reason alone; the recorded versions decide")
    code, edited, jobs = DONE, False, project.jobs()
    expected = {path for job in jobs for path in job.outputs} | ({project.folder / project.index} if project.index else set())
    for given in [*(partial(outputs, job, project) for job in jobs), partial(index, jobs, project)]:
        try:
            for path, text in given().items():
                now = read_text(path)
                if now != text:
                    code = max(code, FAILED)
                    edited |= now is not None and not is_untouched(now)
                    _print_difference(project, path, now, text)
        except BrokenPipeError:  # who reads the diff has seen enough: `main` knows what to do
            raise
        except Exception as error:
            code = max(code, tell(error, debug))
    orphans = _orphans(project, expected)
    for path in orphans:
        print(f"{project.shown(path)}: rnnsym wrote it, but no model gives it any more\n  to accept: delete it")
    if code == FAILED:
        print(f"\nto accept: rnnsym build{' --force   (it overwrites what was edited by hand)' if edited else ''}")
    elif code == DONE and not orphans:
        print(f"every file is what its model gives ({len(expected)} files)")
    return max(code, FAILED if orphans else DONE)


def _print_difference(project: Project, path: Path, now: str | None, text: str) -> None:
    name = project.shown(path)
    if now is None:
        print(f"{name}: missing")
        return
    remark = "" if is_untouched(now) else " (edited by hand)" if is_sealed(now) else " (not written by rnnsym)"
    print(f"{name}: differs{remark}")
    rows = list(difflib.unified_diff(now.splitlines(), text.splitlines(), f"{name} (is)", f"{name} (model gives)", lineterm=""))
    print("\n".join(rows[:LONGEST_DIFF]))
    if len(rows) > LONGEST_DIFF:
        print(paint(f"… {len(rows) - LONGEST_DIFF} more lines", DIM))


def _orphans(project: Project, expected: set[Path]) -> list[Path]:
    """Files that rnnsym wrote at a project's places and that no model gives any more."""
    patterns = [pattern.replace("{name}", "*") for pattern in project.patterns if pattern]
    found = {path for pattern in patterns for path in project.folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found - expected if is_sealed(read_text(path) or ""))


# ---------------------------------------------------------------- watch


def watch(start: Path, force: bool = False, debug: bool = False, sleep: Callable[[float], None] = time.sleep) -> int:
    """Build again whenever a model, its project's settings or the set of models changes; ends with Ctrl-C."""
    print("watching; Ctrl-C ends", flush=True)
    seen: dict[Path, tuple[int, int]] | None = None
    while True:
        now = _stamps(start)
        if now != seen:
            seen = now
            try:
                build_project(read_project(start), force, debug)
            except Exception as error:
                tell(error, debug)
            sys.stdout.flush()
        sleep(0.3)


def _stamps(start: Path) -> dict[Path, tuple[int, int]]:
    """Time and size of every file that a build reads."""
    files = [folder / "pyproject.toml" for folder in (start, *start.parents)]
    try:
        files += [job.model for job in read_project(start).jobs()]
    except Exception:  # the build itself will say what is wrong
        files += []
    stamps = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:  # between two saves an editor may have no file there
            continue
        stamps[path] = (status.st_mtime_ns, status.st_size)
    return stamps
