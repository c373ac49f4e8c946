"""Calls that seed a global generator, and the origins of their seeds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dejabatch.lint.conditions import is_conditional_on_mode
from dejabatch.lint.module import Module
from dejabatch.lint.origins import Frame, Origins, Tracer, frame_of_call
from dejabatch.lint.project import Definition, Project

_ALL: Final = frozenset({"numpy", "random", "torch"})

SEED_FUNCTIONS: Final = {
    "numpy.random.seed": frozenset({"numpy"}),
    "random.seed": frozenset({"random"}),
    "torch.manual_seed": frozenset({"torch"}),
    "torch.random.manual_seed": frozenset({"torch"}),
    "torch.default_generator.manual_seed": frozenset({"torch"}),
    "cv2.setRNGSeed": frozenset({"cv2"}),
    "lightning.seed_everything": _ALL,
    "lightning.pytorch.seed_everything": _ALL,
    "lightning.fabric.seed_everything": _ALL,
    "lightning_fabric.seed_everything": _ALL,
    "pytorch_lightning.seed_everything": _ALL,
    "transformers.set_seed": _ALL,
    "transformers.trainer_utils.set_seed": _ALL,
    "accelerate.utils.set_seed": _ALL,
    "monai.utils.set_determinism": _ALL,
    "torch_geometric.seed_everything": _ALL,
}
"""The functions that seed global generators, with the libraries that they seed."""

GENERATOR_CLASSES: Final = {
    "numpy.random.default_rng": "numpy",
    "numpy.random.Generator": "numpy",
    "numpy.random.RandomState": "numpy",
    "numpy.random.mtrand.RandomState": "numpy",
    "random.Random": "random",
    "torch.Generator": "torch",
}
"""The classes and functions that make a generator."""

# Helpers of other projects that are known by their name only.
_HELPER: Final = re.compile(
    r"^(seed_everything|set_(all_|random_|global_)?seeds?|seed_all|setup_seed|fix_seed"
    r"|fix_random_seeds?|init_seeds?|manual_seed_all|seed_torch|random_seed)$"
)
_DRAWN_IN: Final = re.compile(
    r"__getitem__|def __call__|def __iter__|collate|def forward"
)
_DRAWS: Final = {
    "numpy": r"(np|numpy)\.random\.(?!seed|get_state|set_state|default_rng|RandomState"
    r"|SeedSequence|Generator|mtrand)\w+|from numpy\.random import|imgaug",
    "random": r"(?<![\w.])random\.(random|randint|uniform|choices?|shuffle|sample|gauss"
    r"|randrange|betavariate|normalvariate)\b|from random import|albumentations",
    "torch": r"torch\.(rand|randn|randint|randperm|bernoulli|normal|multinomial)\w*\("
    r"|\bRandom[A-Z]\w+\(|ColorJitter|AutoAugment|RandAugment|TrivialAugment",
    "cv2": r"cv2\.rand[nu]\b",
}


@dataclass(frozen=True, slots=True)
class Seeding:
    """A call that seeds global generators.

    Attributes
    ----------
    module : Module
        The file of the call.
    call : ast.Call
        The call, in the function that was asked about.
    seed : ast.expr
        The seed, where the generator gets the seed.
    origins : Origins
        The sources of the seed.
    libraries : frozenset of str
        The libraries whose generators are seeded.
    only_in_a_mode : bool
        Whether an ``if`` about a mode, such as validation, decides whether the call
        runs.
    """

    module: Module
    call: ast.Call
    seed: ast.expr
    origins: Origins
    libraries: frozenset[str]
    only_in_a_mode: bool


class Seeds:
    """The seeds of a project."""

    def __init__(self, project: Project, tracer: Tracer) -> None:
        self.project, self.tracer = project, tracer
        self._drawn: dict[str, bool] = {}
        self._seeding: dict[ast.AST, bool] = {}

    def inside(
        self, frame: Frame, node: ast.AST | None = None, depth: int = 0
    ) -> Iterator[Seeding]:
        """Yield the calls that seed global generators.

        Parameters
        ----------
        frame : Frame
            The function that makes the calls; functions that it calls are followed.
        node : ast.AST, optional
            A part of the function, by default all of it.
        depth : int
            How many functions led to this one.
        """
        module = frame.module
        within = frame.function if node is None else node
        for call in module.calls(within):
            # A function that is only defined here may never run.
            around = module.function(call)
            if around is not frame.function and isinstance(
                around, (ast.FunctionDef, ast.AsyncFunctionDef)
            ):
                continue
            name = module.called_name(call)
            libraries = SEED_FUNCTIONS.get(name)
            if libraries is None and depth < 3:
                definitions = self.project.values(module, call.func)
                if definitions:
                    yield from self._of_helper(call, frame, depth)
                    continue
                last = name.rpartition(".")[2]
                known = _HELPER.match(last) and not name.startswith("torch.")
                libraries = _ALL if known else None
            seed = first_argument(call)
            if libraries is None or seed is None:
                continue
            origins = self.tracer.origins(seed, frame)
            in_a_mode = is_conditional_on_mode(module, call)
            yield Seeding(module, call, seed, origins, libraries, in_a_mode)

    def _of_helper(self, call: ast.Call, frame: Frame, depth: int) -> Iterator[Seeding]:
        """Yield one seeding for a call of a function of the run that seeds."""
        module = frame.module
        for definition in self.project.values(module, call.func):
            if not isinstance(definition.node, ast.FunctionDef):
                continue
            if not self._may_seed(definition, 0):
                continue
            inner = frame_of_call(call, definition, frame)
            if inner is None:
                continue
            found = list(self.inside(inner, depth=depth + 1))
            if found and not restores_state(definition.module, definition.node):
                first = found[0]
                libraries = frozenset[str]().union(*(s.libraries for s in found))
                in_a_mode = is_conditional_on_mode(module, call) or all(
                    seeding.only_in_a_mode for seeding in found
                )
                yield Seeding(
                    module, call, first.seed, first.origins, libraries, in_a_mode
                )

    def _may_seed(self, definition: Definition, depth: int) -> bool:
        """Return whether a function, or a function that it calls, seeds."""
        module, function = definition
        if not isinstance(function, ast.FunctionDef) or depth > 3:
            return False
        if function not in self._seeding:
            # A function that calls itself ends here.
            self._seeding[function] = False
            for call in module.calls(function):
                name = module.called_name(call)
                last = name.rpartition(".")[2]
                if name in SEED_FUNCTIONS or _HELPER.match(last):
                    self._seeding[function] = True
                    break
                if any(
                    self._may_seed(called, depth + 1)
                    for called in self.project.values(module, call.func)
                ):
                    self._seeding[function] = True
                    break
        return self._seeding[function]

    def are_drawn(self, libraries: frozenset[str]) -> bool:
        """Return whether code that makes samples draws from one of the libraries."""
        return any(self._is_drawn(library) for library in sorted(libraries))

    def _is_drawn(self, library: str) -> bool:
        if library not in self._drawn:
            search = re.compile(_DRAWS[library]).search
            self._drawn[library] = any(
                _DRAWN_IN.search(source.text) and search(source.text)
                for source in self.project.sources.values()
            )
        return self._drawn[library]


def first_argument(call: ast.Call) -> ast.expr | None:
    """Return the first argument of a call, by position or by name."""
    arguments = [*call.args, *(k.value for k in call.keywords if k.arg)]
    return arguments[0] if arguments else None


def restores_state(module: Module, function: ast.AST) -> bool:
    """Return whether a function restores the state of a generator."""
    names = {"set_state", "setstate", "set_rng_state", "fork_rng", "isolate_rng"}
    for call in module.calls(function):
        last = module.called_name(call).rpartition(".")[2]
        if last in names or (
            isinstance(call.func, ast.Attribute) and call.func.attr in names
        ):
            return True
    return False
