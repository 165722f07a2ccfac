"""A receiver of alerts on this machine, as Apprise's json:// calls one."""

from __future__ import annotations

import json
from typing import Any

from tests.listening import Listening

__all__ = ["Receiver"]


class Receiver(Listening):
    """Keeps what it is told, while it is entered.

    Args:
        status: what it answers.
        key: the path, which is a secret in many services.
        holds: see `Listening`.
    """

    def __init__(self, status: int = 200, key: str = "key", *, holds: bool = False) -> None:
        super().__init__(status=status, holds=holds)
        self.told: list[dict[str, Any]] = []
        self.url = f"json://{self.address}/{key}"

    def take(self, body: bytes) -> None:
        self.told.append(json.loads(body))
