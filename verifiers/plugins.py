"""What packages and files add by name: verifiers of a kind, environments for rewards, problems for losses."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import plain

__all__ = [
    "BUILT_IN",
    "KINDS",
    "LOG",
    "ContractError",
    "Plugins",
    "fault_in",
    "installed",
    "instance",
    "is_file",
    "reads_code",
    "report",
    "trust_files",
]

LOG = logging.getLogger("gristmill.plugins")
"""Each fault of a plug-in once: where and what as a warning, its traceback at the level of debugging."""

_trusted = False
_homes: set[Path] = set()
"""Files and packages' folders of the plug-ins that were loaded."""
_reported: set[str] = set()


def trust_files(trust: bool = True) -> None:
    """Let tasks name what they need as ``path.py:Name``. Such a file is run here, with all rights of this process.

    Off until whoever starts the process says so: a file of tasks is data, and data runs no code.
    """
    global _trusted
    _trusted = trust


def is_file(name: str) -> bool:
    """Whether a name is of the form ``path.py:Name``."""
    return ".py:" in name


class ContractError(Exception):
    """A plug-in gave what it must not; the message says which, where it is defined, and what it gave."""

    def __init__(self, plugin: Any, gave: str) -> None:
        code = getattr(plugin, "__code__", None)
        module = sys.modules.get(getattr(plugin, "__module__", ""))
        file = code.co_filename if code else getattr(module, "__file__", "a plug-in")
        where = f"{file}, line {code.co_firstlineno}" if code else file
        super().__init__(f"{where}: {getattr(plugin, '__qualname__', plugin)} gave {gave}")


def fault_in(error: BaseException) -> str | None:
    """``carts.py, line 3, in grade: KeyError: 'x'`` if an error comes from a plug-in's code; None if it does not.

    Of its frames that innermost one is named which lies in a file or a package that was loaded as a plug-in.
    """
    if isinstance(error, ContractError):
        return plain(str(error)[:600])
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((each for each in reversed(frames) if _of_a_plugin(each.filename)), None)
    if frame is None:
        return None
    try:
        text = plain(str(error)[:300])
    except Exception:  # noqa: BLE001  # an error of the plug-in's own, say
        text = ""
    return f"{frame.filename}, line {frame.lineno}, in {frame.name}: {type(error).__name__}{text and ': '}{text}"


def report(error: BaseException) -> str | None:
    """`fault_in`, and tell the log of it unless that place and kind of fault was told before."""
    fault = fault_in(error)
    if fault is not None and (where := fault.partition(": ")[0] + type(error).__name__) not in _reported:
        _reported.add(where)
        LOG.warning("a plug-in went wrong: %s", fault)
        LOG.debug("%s", "".join(traceback.format_exception(error)))
    return fault


def _of_a_plugin(filename: str) -> bool:
    path = Path(filename)
    return any(path == home or home in path.parents for home in _homes)


def _is_home(module: str) -> None:
    """Remember a module, or the package that it lies in, as a plug-in's."""
    if file := getattr(sys.modules[module], "__file__", None):
        package = sys.modules[module.partition(".")[0]]
        folder = getattr(package, "__file__", None) and hasattr(package, "__path__")
        _homes.add(Path(str(package.__file__)).parent if folder else Path(file))


@cache
def installed(group: str) -> dict[str, str]:
    """``module:name`` by the name under which an installed package registers it in a group of entry points."""
    points = sorted(entry_points(group=group), key=lambda point: point.value)
    return {point.name: point.value for point in points}


class Plugins:
    """The things of one sort: ours, those that installed packages register, and those in files that are trusted.

    Args:
        field: of a task, in which one is named; messages say it.
        group: of entry points.
        built_in: ``module:name`` by name. No plug-in can take these over: what a task means must not depend on what
            else is installed.
    """

    def __init__(self, field: str, group: str, built_in: Mapping[str, str]) -> None:
        self._field = field
        self._group = group
        self._built_in = built_in

    def _named(self) -> dict[str, str]:
        return {**installed(self._group), **self._built_in}

    def names(self) -> tuple[str, ...]:
        """What can be named here, files apart, sorted."""
        return tuple(sorted(self._named()))

    def untrusted(self, name: str) -> str | None:
        """Why a file may not be run, as a sentence; None if it may, or if the name is none of a file."""
        if _trusted or not is_file(name):
            return None
        return (
            f"{self._field}: {name!r} names a file of code, which would run here with all your rights; if you trust "
            "it, say `gristmill --plugin-files …`"
        )

    def load(self, name: str | None) -> Any:
        """What a name stands for, imported now.

        Raises:
            UserError: nothing, or a file that is not trusted, or what cannot be imported.
        """
        if name is not None and is_file(name):
            if why := self.untrusted(name):
                raise UserError(why)
            return _load_file(self._field, name)
        where = self._named().get(name or "")
        if where is None:
            raise UserError(f"{self._field}: {name!r} is none of {', '.join(self.names())}")
        module, _, attribute = where.partition(":")
        try:
            plugin = getattr(import_module(module), attribute)
            if name not in self._built_in:
                _is_home(module)
            return plugin
        except Exception as error:
            if name in self._built_in:
                raise
            raise UserError(
                f"the plug-in {where!r}, which stands for the {self._field} {name!r}, cannot be imported: "
                f"{type(error).__name__}: {error}. Mend or uninstall the package that brings it"
            ) from error


def instance(plugin: Any, protocol: type, named: str) -> Any:
    """What a plug-in names, as something that keeps `protocol`; a class is called without arguments.

    Raises:
        UserError: it lacks members of the protocol; `named` begins the message.
    """
    member = plugin() if isinstance(plugin, type) else plugin
    protocols = [each for each in reversed(protocol.__mro__) if getattr(each, "_is_protocol", False)]
    names = [name for each in protocols for name in vars(each) if not name.startswith("_")]
    if missing := [name for name in names if not hasattr(member, name)]:
        raise UserError(f"{named} lacks {', '.join(missing)}; see docs/plugins.md")
    return member


def _load_file(field: str, where: str) -> Any:
    """What ``path.py:Name`` names, the path being relative to the current folder; the file is run, here and now."""
    path, _, name = where.rpartition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"{field}: {where!r}: there is no file {file}")
    module_name = f"gristmill_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise UserError(f"{field}: {where!r}: {file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        _homes.add(file)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            trouble = fault_in(error) or f"{file}: {type(error).__name__}: {error}"
            raise UserError(f"{field}: {where!r} cannot be run: {trouble}") from error
    if not hasattr(module, name):
        raise UserError(f"{field}: {where!r}: {file} defines no {name}")
    return getattr(module, name)


BUILT_IN = {
    "code": "gristmill.verifiers.code.verifier:CodeVerifier",
    "math": "gristmill.verifiers.mathematics.verifier:MathVerifier",
    "instruction": "gristmill.verifiers.instructions.verifier:InstructionVerifier",
    "program": "gristmill.verifiers.constructions.verifier:ProgramVerifier",
    "reasoning": "gristmill.verifiers.reasoning.verifier:ReasoningVerifier",
    "reward": "gristmill.verifiers.trained.reward.verifier:RewardVerifier",
    "loss": "gristmill.verifiers.trained.loss.verifier:LossVerifier",
    "ranges": "gristmill.verifiers.trained.ranges.verifier:RangesVerifier",
    "command": "gristmill.verifiers.trained.external.verifier:CommandVerifier",
}
KINDS = Plugins("kind", "gristmill.verifiers", BUILT_IN)
"""Who judges a kind of task."""

_OF_CODE = frozenset({"code", "program", "reward", "loss", "ranges", "command"})


def reads_code(kind: str) -> bool:
    """Whether the verifier of a kind gets Python source that was found in a reply, not the whole reply.

    A plug-in says so by an attribute, ``reads = "code"``, of its class or its function.
    """
    if kind in BUILT_IN:
        return kind in _OF_CODE
    try:
        return getattr(KINDS.load(kind), "reads", "reply") == "code"
    except UserError:  # nobody judges it, which is said where it is to be judged
        return False
