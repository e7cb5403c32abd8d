"""`rnnsym build`: what [tool.rnnsym] may say, what is made again and what is not, the check, the watch.

The texts are made by short stand-ins here, so that each behaviour is seen at once; `test_make` runs the real ones.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnsym.cli import build, make
from rnnsym.cli.files import seal
from rnnsym.cli.project import installed_versions, read_project
from rnnsym.errors import UsageError

SETTINGS = '[tool.rnnsym]\nmodels = ["cells/*.rnn"]\nmodule = "generated/{name}.py"\nderivation = "docs/{name}.tex"\n'
MODEL = "x: input[n_x]\nh: vector[n_h]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand-ins for module and derivation: they hold the equations, and remember whose they were."""
    names: list[str] = []

    def module(system):
        names.append(system.name)
        return seal("".join(f"# {d}\n" for d in system.definitions), "#")

    monkeypatch.setattr(make, "module_file", module)
    monkeypatch.setattr(make, "derivation_file", lambda system, notation: seal(f"% {system.name} {notation}\n", "%"))
    monkeypatch.setattr(make, "html_file", lambda system, notation: seal(f"<p>{system.name}\n", "<!--"))
    return names


@pytest.fixture
def project(folder: Path, made: list[str]) -> Path:
    """A project of two models."""
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "cells").mkdir()
    for name in ("one", "two"):
        (folder / "cells" / f"{name}.rnn").write_text(MODEL)
    return folder


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("tanh", "sigmoid"))


def test_build_makes_every_output(run, project):
    done = run("build")
    assert done == (0, "generated/one.py  written\ndocs/one.tex  written\ngenerated/two.py  written\ndocs/two.tex  written\n", "")


def test_a_second_build_makes_nothing(run, project, made):
    run("build")
    made.clear()
    assert run("build") == (0, "everything is up to date (2 models)\n", "")
    assert made == []


def test_only_the_model_that_changed_is_made_again(run, project, made):
    run("build")
    made.clear()
    edit(project / "cells" / "two.rnn")
    assert run("build").out == "generated/two.py  written\n"
    assert made == ["two"]


def test_a_new_library_version_makes_everything_again(run, project, made, monkeypatch):
    run("build")
    made.clear()
    monkeypatch.setattr(build, "installed_versions", lambda: {"sympy": "99"})
    assert run("build").code == 0
    assert made == ["one", "two"]


def test_a_lost_output_is_made_again(run, project):
    run("build")
    (project / "docs" / "one.tex").unlink()
    assert run("build").out == "docs/one.tex  written\n"


def test_a_lost_or_broken_record_costs_one_build_and_changes_nothing(run, project):
    run("build")
    (project / ".rnnsym_cache" / "build.json").write_text("{]")
    assert run("build").out == "everything is up to date (2 models)\n"


def test_an_output_edited_by_hand_is_left_alone_and_the_others_are_made(run, project):
    run("build")
    edited = project / "generated" / "one.py"
    edited.write_text("# my own words\n" + edited.read_text())
    for name in ("one", "two"):
        edit(project / "cells" / f"{name}.rnn")
    done = run("build")
    assert done.code == 2 and "was edited after rnnsym wrote it" in done.err and done.out == "generated/two.py  written\n"
    assert edited.read_text().startswith("# my own words\n")
    assert run("build", "--force").code == 0
    assert not edited.read_text().startswith("# my own words\n")


def test_a_wrong_model_does_not_keep_the_others_from_being_made(run, project):
    (project / "cells" / "one.rnn").write_text("h[t] = tanh(\n")
    done = run("build")
    assert done.code == 2 and "cells/one.rnn:1:" in done.err
    assert "generated/two.py  written" in done.out and "one" not in done.out


def test_build_works_from_a_folder_below(run, project, monkeypatch):
    (project / "cells" / "deep").mkdir()
    monkeypatch.chdir(project / "cells" / "deep")
    assert run("build").code == 0
    assert (project / "generated" / "one.py").exists()


def test_check_passes_after_a_build_and_writes_nothing(run, project):
    run("build")
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*")}
    assert run("build", "--check") == (0, "every file is what its model gives (4 files)\n", "")
    assert {p: p.stat().st_mtime_ns for p in project.rglob("*")} == before


def test_check_shows_the_difference_and_the_command_that_accepts_it(run, project):
    run("build")
    edit(project / "cells" / "two.rnn")
    done = run("build", "--check")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[:3] == ["generated/two.py: differs", "--- generated/two.py (is)", "+++ generated/two.py (model gives)"]
    assert "-# h[t] = tanh(W @ x[t] + U @ h[t-1])" in lines and "+# h[t] = sigmoid(W @ x[t] + U @ h[t-1])" in lines
    assert lines[-1] == "to accept: rnnsym build"


def test_check_names_missing_and_edited_files(run, project):
    run("build")
    (project / "docs" / "one.tex").unlink()
    edited = project / "generated" / "two.py"
    edited.write_text(edited.read_text().replace("tanh", "relu"))
    done = run("build", "--check")
    assert done.code == 1
    assert "docs/one.tex: missing" in done.out and "generated/two.py: differs (edited by hand)" in done.out
    assert "to accept: rnnsym build --force" in done.out


def test_check_names_a_file_whose_model_is_gone(run, project):
    run("build")
    (project / "cells" / "one.rnn").unlink()
    (project / "generated" / "own.py").write_text("print('not ours')\n")
    done = run("build", "--check")
    assert done.code == 1 and "generated/one.py: rnnsym wrote it, but no model gives it any more" in done.out
    assert "own.py" not in done.out


def test_check_names_differing_library_versions_first(run, project):
    run("build")
    with open(project / "pyproject.toml", "a") as settings:
        settings.write('[tool.rnnsym.versions]\nsympy = "0.7"\n')
    done = run("build", "--check")
    assert done.out.splitlines()[0] == (
        f"libraries differ from [tool.rnnsym.versions]: sympy {installed_versions()['sympy']} (recorded: 0.7)"
    )
    assert done.code == 0


def test_check_of_a_wrong_model_is_an_error_of_the_model(run, project):
    (project / "cells" / "one.rnn").write_text("h[t] = tanh(\n")
    assert run("build", "--check").code == 2


class Enough(KeyboardInterrupt):
    pass


def test_watch_builds_on_every_save_and_survives_errors(project, capsys):
    model = project / "cells" / "one.rnn"
    said = []
    events = [
        lambda: None,
        lambda: model.write_text("h[t] = tanh(\n"),
        lambda: model.write_text(MODEL.replace("tanh", "relu")),
        lambda: (project / "pyproject.toml").write_text("[tool.rnnsym]\nmodel = 1\n"),
        lambda: (project / "pyproject.toml").write_text(SETTINGS),
    ]

    def sleep(_seconds: float) -> None:
        streams = capsys.readouterr()
        said.append(streams.out + streams.err)
        if not events:
            raise Enough
        events.pop(0)()
        for number, path in enumerate([model, project / "pyproject.toml"]):
            os.utime(path, ns=(len(events) * 10**9 + number, len(events) * 10**9 + number))

    with pytest.raises(Enough):
        build.watch(project, sleep=sleep)
    assert "generated/one.py  written" in said[0]
    assert "up to date" in said[1]
    assert "cells/one.rnn:1:" in said[2] and "bug" not in said[2]
    assert "generated/one.py  written" in said[3]
    assert "`model` is not a setting" in said[4]
    assert "up to date" in said[5]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("[tool.rnnsym\n", "is not valid TOML"),
        ("[tool]\nrnnsym = 3\n", "is not a table"),
        (SETTINGS + 'modul = "x"\n', "`modul` is not a setting"),
        ("[tool.rnnsym]\nmodels = 3\n", "`models` must be a list of patterns"),
        ('[tool.rnnsym]\nmodels = ["*.rnn"]\n', "nothing is to be made"),
        ('[tool.rnnsym]\nmodels = ["*.rnn"]\nmodule = "out.py"\n', "`module` must hold {name}"),
        ('[tool.rnnsym]\nmodels = ["../*.rnn"]\nmodule = "{name}.py"\n', "leads out of the project's folder"),
        ('[tool.rnnsym]\nmodels = ["*.rnn"]\nmodule = "/tmp/{name}.py"\n', "leads out of the project's folder"),
        ('[tool.rnnsym]\nmodels = ["*.rnn"]\nmodule = "link/{name}.py"\n', "leads out of the project's folder"),
        ('[tool.rnnsym]\nmodels = ["none/*.rnn"]\nmodule = "{name}.py"\n', "no file matches"),
        (SETTINGS + '[tool.rnnsym.versions]\nscipy = "1"\n', "`versions` must give versions"),
    ],
)
def test_wrong_settings_are_named(run, folder, settings, sentence):
    (folder / "pyproject.toml").write_text(settings)
    (folder / "link").symlink_to(folder.parent)
    done = run("build")
    assert done.code == 2 and sentence in done.err and "Traceback" not in done.err


def test_a_folder_without_a_project_is_told_what_one_is(folder):
    with pytest.raises(UsageError, match=r"no pyproject\.toml with \[tool\.rnnsym\]"):
        read_project(folder)


def test_two_models_of_one_name_are_refused(run, project):
    (project / "pyproject.toml").write_text(SETTINGS.replace("cells/*.rnn", "**/*.rnn"))
    (project / "more").mkdir()
    (project / "more" / "one.rnn").write_text(MODEL)
    done = run("build")
    assert done.code == 2 and "cells/one.rnn and more/one.rnn both give generated/one.py" in done.err


# ---------------------------------------------------------------- pages

PAGES = SETTINGS + 'page = "docs/pages/{name}.html"\nindex = "docs/index.html"\n'


def test_pages_and_an_index_that_leads_to_all_of_them(run, project, made):
    (project / "pyproject.toml").write_text(PAGES)
    (project / "cells" / "two.rnn").write_text('"""Two & <more>. Not this."""\n' + MODEL)
    assert "docs/pages/two.html  written\ndocs/index.html  written\n" in run("build").out
    text = (project / "docs" / "index.html").read_text()
    assert '<a href="pages/one.html">one</a>' in text and 'href="one.tex"' in text and 'href="../generated/two.py"' in text
    assert "Two &amp; &lt;more&gt;." in text and "Not this" not in text
    assert run("build").out == "everything is up to date (2 models)\n"
    assert run("build", "--check") == (0, "every file is what its model gives (7 files)\n", "")


def test_the_index_is_made_again_when_a_model_comes_or_goes(run, project):
    (project / "pyproject.toml").write_text(PAGES)
    run("build")
    (project / "cells" / "two.rnn").unlink()
    assert run("build").out == "docs/index.html  written\n"
    assert "two" not in (project / "docs" / "index.html").read_text()
    assert "docs/pages/two.html: rnnsym wrote it, but no model gives it any more" in run("build", "--check").out


def test_an_index_that_was_edited_is_left_alone_and_found_by_the_check(run, project):
    (project / "pyproject.toml").write_text(PAGES)
    run("build")
    index = project / "docs" / "index.html"
    index.write_text(index.read_text().replace("one", "uno"))
    assert "docs/index.html: differs (edited by hand)" in run("build", "--check").out
    done = run("build")
    assert done.code == 2 and "`" in done.err and "uno" in index.read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('index = "docs/index.html"', "`page` beside it"),
        ('page = "docs/{name}.html"\nindex = "docs/{name}.html"', "`index` is one file"),
        ('page = "docs/{name}.html"\nindex = "docs/one.html"', "`index` and cells/one.rnn both give docs/one.html"),
        ('page = "docs/{name}.html"\nindex = "../index.html"', "leads out of the project's folder"),
        ('page = "docs/all.html"', "`page` must hold {name}"),
    ],
)
def test_what_the_settings_of_pages_must_say(run, project, line, said):
    (project / "pyproject.toml").write_text(f"{SETTINGS}{line}\n")
    done = run("build")
    assert done.code == 2 and said in done.err


# ---------------------------------------------------------------- tests of modules

TESTS = SETTINGS + 'tests = "checks/deep/test_{name}.py"\n'


def test_tests_find_their_modules_from_where_they_are(run, project):
    (project / "pyproject.toml").write_text(TESTS)
    assert "checks/deep/test_one.py  written\n" in run("build").out
    text = (project / "checks" / "deep" / "test_one.py").read_text()
    assert '"../../generated/one.py"' in text
    assert run("build", "--check").code == 0
    (project / "pyproject.toml").write_text(TESTS.replace("generated/", "made/"))
    assert "checks/deep/test_one.py  written\n" in run("build").out
    assert '"../../made/one.py"' in (project / "checks" / "deep" / "test_one.py").read_text()


def test_tests_without_modules_are_refused(run, project):
    (project / "pyproject.toml").write_text(TESTS.replace('module = "generated/{name}.py"\n', ""))
    done = run("build")
    assert done.code == 2 and "`tests` are of modules, and no modules are made" in done.err
