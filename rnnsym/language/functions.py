"""The file's functions by themselves: closed, without recursion, one definition each; and which names stand for sizes.

Comes in: a `Page`. Goes out: the functions that can be expanded, by name. A body names only its parameters, its local names, functions,
numbers and sizes: so an argument can never be captured, and a function means the same wherever it is used.
"""

from __future__ import annotations

from rnnsym.errors import Span
from rnnsym.language.builtin import SIZED
from rnnsym.language.findings import Findings, near
from rnnsym.language.syntax import At, Call, Cut, Function, Name, Node, Page, StepTest, walk


def checked_functions(page: Page, findings: Findings) -> dict[str, Function | None]:
    """The file's functions by name; one that is wrong is None, its errors noted."""
    functions: dict[str, Function | None] = {}
    for function in page.functions:
        if function.name in functions:
            findings.error(
                "E202", f"the function `{function.name}` is defined twice", function.span, expected="one definition for each name"
            )
        functions.setdefault(function.name, function)
        if len(set(function.parameters)) < len(function.parameters):
            findings.error("E110", f"two parameters of `{function.name}` have one name", function.span, expected="a name for each")
            functions[function.name] = None
    sizes = {n for n in size_names(page)} | {"inf", "pi"}
    defined = {t.name for a in page.assigns for t in a.targets} | {d.name for d in page.declares}
    for function in page.functions:
        if not _body_is_closed(function, (sizes - defined), findings):
            functions[function.name] = None
    for name in _recursive(page.functions):
        functions[name] = None
    for cycle in _cycles(page.functions):
        first = next(f for f in page.functions if f.name == cycle[0])
        findings.error(
            "E207", f"`{cycle[0]}` calls itself: {' → '.join(cycle)}", first.span, instead="a recurrence over time: h[t] = … h[t-1] …"
        )
    return functions


def _body_is_closed(function: Function, outside: set[str], findings: Findings) -> bool:
    """Whether the body names only parameters, local names given before, sizes, numbers, functions."""
    known, good = set(function.parameters), True

    def check(node: Node) -> bool:
        fine = True
        for inner in walk(node):
            if isinstance(inner, At):
                found = f"`{inner.name}[{inner.when}]` in the body of `{function.name}`: a body has no time"
                findings.error("E208", found, inner, instead=f"a parameter, and {inner.name}[{inner.when}] as its argument")
                fine = False
            elif isinstance(inner, StepTest):
                findings.error(
                    "E208",
                    f"`{inner.when} == {inner.mark}` in the body of `{function.name}`: a body has no time",
                    inner,
                    instead="the condition in the equation",
                )
                fine = False
            elif isinstance(inner, Name) and inner.name not in known | outside:
                close = near(inner.name, sorted(known))
                instead = f"`{close[0]}`" if close else f"a parameter: def {function.name}({', '.join((*function.parameters, inner.name))})"
                findings.error(
                    "E208", f"`{inner.name}` in the body of `{function.name}` is no parameter, local name or size", inner, instead=instead
                )
                fine = False
        return fine

    for names, value in function.body:
        good &= check(value)
        known |= set(names)
    return all([check(value) for value in function.returns]) and good


def _calls(functions: tuple[Function, ...]) -> dict[str, list[str]]:
    names = {f.name for f in functions}
    graph: dict[str, list[str]] = {}
    for function in functions:
        nodes = [value for _, value in function.body] + list(function.returns)
        called = [n.function for node in nodes for n in walk(node) if isinstance(n, Call) and n.function in names]
        graph.setdefault(function.name, []).extend(dict.fromkeys(called))
    return graph


def _cycles(functions: tuple[Function, ...]) -> list[list[str]]:
    """One cycle of calls for each group of functions that call each other, in the order of the file."""
    graph, seen, found = _calls(functions), set(), []
    for start in graph:
        if start in seen:
            continue
        came: dict[str, str] = {}
        queue = [start]
        while queue:
            here = queue.pop(0)
            for there in graph[here]:
                if there == start:
                    path = [start]
                    while here != start:
                        path.insert(1, here)
                        here = came[here]
                    found.append([*path, start])
                    seen.update(path)
                    queue.clear()
                    break
                if there not in came:
                    came[there] = here
                    queue.append(there)
    return found


def _recursive(functions: tuple[Function, ...]) -> set[str]:
    """The functions whose calls never end: on a cycle, or leading to one."""
    graph = _calls(functions)
    done: set[str] = set()
    progress = True
    while progress:
        new = {name for name, called in graph.items() if name not in done and all(c in done for c in called)}
        done |= new
        progress = bool(new)
    return set(graph) - done


def size_names(page: Page) -> dict[str, Span]:
    """Every name that stands where a size must: in a declaration's brackets, a slice, `eye(n)`, `ones(n)`."""
    found: dict[str, Span] = {}

    def gather(node: Node, hidden: frozenset[str] = frozenset()) -> None:
        for inner in walk(node):
            if isinstance(inner, Name) and inner.name not in hidden:
                found.setdefault(inner.name, inner.span)

    def search(node: Node, hidden: frozenset[str] = frozenset()) -> None:
        for inner in walk(node):
            if isinstance(inner, Cut):
                for bound in (inner.start, inner.stop):
                    if bound is not None:
                        gather(bound, hidden)
            elif isinstance(inner, Call) and inner.function in SIZED and inner.function not in own:
                for part in inner.parts:
                    gather(part, hidden)

    own = {f.name for f in page.functions}
    for declare in page.declares:
        for node in declare.sizes or ():
            gather(node)
    for line in page.assigns:
        if line.value is not None:
            search(line.value)
    for function in page.functions:
        hidden = frozenset(function.parameters).union(*(names for names, _ in function.body))
        for node in (*(value for _, value in function.body), *function.returns):
            search(node, hidden)
    return found
