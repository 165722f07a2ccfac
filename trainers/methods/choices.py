"""The methods that there are, by kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

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
AnyMethod = Annotated[SftMethod | DpoMethod | KtoMethod | GrpoMethod | RlooMethod, Field(discriminator="kind")]
"""What leaves a model that answers, as `improve` needs it."""
