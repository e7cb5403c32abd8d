"""Source text of a module -> a live module. The text is our own: nothing of a user's text is code in it."""

from __future__ import annotations

import linecache
from types import ModuleType


def compile_module(source: str, name: str) -> ModuleType:
    """Execute a generated module's text in a fresh module; tracebacks show its lines."""
    module = ModuleType(name)
    file = f"<rnnsym {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module.__file__ = file
    exec(compile(source, file, "exec"), module.__dict__)
    return module
