"""The methods that there are, by kind."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from gristmill.trainers.methods.base import Method
from gristmill.trainers.methods.dpo import DpoMethod
from gristmill.trainers.methods.grpo import GrpoMethod
from gristmill.trainers.methods.kto import KtoMethod
from gristmill.trainers.methods.reward_model import RewardModelMethod
from gristmill.trainers.methods.rloo import RlooMethod
from gristmill.trainers.methods.sft import SftMethod

__all__ = ["METHODS", "AnyMethod"]

METHODS: dict[str, type[Method]] = {
    "sft": SftMethod,
    "dpo": DpoMethod,
    "kto": KtoMethod,
    "grpo": GrpoMethod,
    "rloo": RlooMethod,
    "reward_model": RewardModelMethod,
}


def _kind(given: Any) -> str:
    """Of a method or of its fields; SFT where none is named."""
    return str(given.get("kind", "sft") if isinstance(given, dict) else getattr(given, "kind", "sft"))


AnyMethod = Annotated[
    Annotated[SftMethod, Tag("sft")]
    | Annotated[DpoMethod, Tag("dpo")]
    | Annotated[KtoMethod, Tag("kto")]
    | Annotated[GrpoMethod, Tag("grpo")]
    | Annotated[RlooMethod, Tag("rloo")],
    Discriminator(_kind),
]
"""What leaves a model that answers, as `improve` needs it."""
