"""The methods that there are, by kind."""

from __future__ import annotations

from gristmill.trainers.methods.sft import SftMethod

__all__ = ["METHODS", "AnyMethod"]

METHODS = {method.model_fields["kind"].default: method for method in (SftMethod,)}
AnyMethod = SftMethod
