"""The package: what `import rnnsym` offers, what a wheel holds, and that a wheel is enough; one set of versions everywhere."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import rnnsym
from rnnsym.resources import is_checkout, models_folder, templates_folder

CHECKOUT = Path(__file__).resolve().parent.parent
LINKED = "x: input[n_x]\ny: target[n_y]\nh: vector[n_h]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nloss[t] = squared_error(y[t], V @ h[t])\n"


def settings() -> dict:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


def test_every_public_name_is_there():
    assert all(getattr(rnnsym, name) is not None for name in rnnsym.__all__)
    assert set(rnnsym.__all__) <= set(dir(rnnsym))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        rnnsym.lod  # noqa: B018


def test_equal_models_give_one_module():
    model = rnnsym.parse(LINKED, name="linked")
    assert rnnsym.compile(model) is rnnsym.compile(rnnsym.parse(str(model), name="linked"))
    assert rnnsym.compile(model) is not rnnsym.compile(rnnsym.edit(model, "h[t] = tanh(W @ x[t] + U @ h[t-2])"))


def test_a_checkout_reads_its_own_templates():
    assert is_checkout() and templates_folder() == CHECKOUT / "templates"
    assert not (CHECKOUT / "rnnsym" / "templates").exists(), "a copy of the templates would go stale"
    assert models_folder() == CHECKOUT / "rnnsym" / "models"


def test_the_recorded_versions_are_those_that_ci_installs():
    constraints = dict(re.findall(r"(?m)^([\w-]+)==(\S+)", (CHECKOUT / ".ci" / "constraints.txt").read_text()))
    recorded = settings()["tool"]["rnnsym"]["versions"]
    assert recorded == {name: constraints[name] for name in recorded}


@pytest.mark.parametrize("extra", ["test", "docs"])
def test_an_extra_that_ci_installs_is_pinned_whole(extra):
    constraints = (CHECKOUT / ".ci" / "constraints.txt").read_text()
    for requirement in settings()["project"]["optional-dependencies"][extra]:
        assert re.search(rf"(?m)^{re.split('[<>=]', requirement)[0]}==", constraints), requirement


def build(kind: str, folder: Path) -> Path:
    """A wheel ("standard" or "editable") of this checkout, in the folder."""
    code = (
        "import sys; from hatchling.builders.wheel import WheelBuilder; "
        "print(*WheelBuilder(sys.argv[1]).build(directory=sys.argv[3], versions=[sys.argv[2]]))"
    )
    words = [sys.executable, "-c", code, str(CHECKOUT), kind, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_a_wheel_holds_models_templates_types_and_licence(tmp_path: Path):
    names = zipfile.ZipFile(build("standard", tmp_path)).namelist()
    for folder, inside in ((CHECKOUT / "rnnsym" / "models", "rnnsym/models"), (CHECKOUT / "templates", "rnnsym/templates")):
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{inside}/{path.relative_to(folder).as_posix()}" in names
    assert "rnnsym/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs", "generated"))]


def test_an_editable_install_brings_no_copy_of_the_templates(tmp_path: Path):
    names = zipfile.ZipFile(build("editable", tmp_path)).namelist()
    assert [name for name in names if "rnnsym/" in name and "dist-info" not in name] == []


@pytest.mark.slow
def test_a_wheel_in_an_empty_environment_makes_a_module_from_a_model_outside_the_checkout(tmp_path: Path):
    wheel = build("standard", tmp_path)
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def call(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call(str(python), "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(wheel))
    # its dependencies are lent by this environment, behind the wheel's own folder; nothing is fetched
    here = [path for path in sys.path if path.endswith("site-packages")]
    folder = Path(call(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (folder / "lent.pth").write_text("\n".join(here) + "\n")
    assert str(place) in call(str(python), "-c", "import rnnsym; print(rnnsym.__file__)")

    (tmp_path / "outside.rnn").write_text(LINKED)
    call(str(place / "bin" / "rnnsym"), "make", "outside.rnn", "-o", "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["outside.py", "outside.tex"]
    code = "import sys, outside; outside.init_params(n_x=2, n_h=3, n_y=2); print(sorted({'rnnsym', 'sympy'} & set(sys.modules)))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path / "out", env=environment)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("call", ["derive", "generate", "compile", "verify"])
def test_a_name_in_place_of_a_model_is_answered_with_what_to_write(call):
    with pytest.raises(rnnsym.UsageError, match=r'U104(.|\n)*instead: +rnnsym\.load\("lstm"\)'):
        getattr(rnnsym, call)("lstm")


def test_a_gradient_that_a_model_has_not_is_refused():
    with pytest.raises(rnnsym.UsageError, match=r"`Q` has no gradient to ask for\n +expected: x, W, U, b, V, b_y, initial"):
        rnnsym.derive(rnnsym.load("elman"), wrt=["Q"])


def test_an_unknown_function_is_refused_with_the_known_ones():
    with pytest.raises(rnnsym.ModelError, match="there is no elementwise function `tahn`"):
        rnnsym.apply("tahn", rnnsym.Quantity("u"))


@pytest.mark.parametrize("name", [name for name in rnnsym.__all__ if name != "__version__"])
def test_a_public_name_has_a_docstring_and_what_is_called_an_example(name):
    what = getattr(rnnsym, name)
    text = inspect.getdoc(what) or ""
    assert text.split("\n")[0].endswith(".") or "." in text.split("\n")[0]
    if not (inspect.isclass(what) and issubclass(what, Exception)):
        assert ">>>" in text, "no example"
    if inspect.isfunction(inspect.unwrap(what)) and name != "sizes":
        assert "Raises" in text, "no word on errors"


def test_no_two_test_files_have_one_name():
    """Folders without an `__init__.py` share their names: a second file would not be collected beside the first."""
    files = [path for path in Path(__file__).parent.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = Counter(path.name for path in files)
    assert not [name for name, count in names.items() if count > 1 and name != "conftest.py"]
