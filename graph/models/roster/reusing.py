"""What other runs of the workspace were answered, taken again where the very same is asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer, member_of, reads_prompts
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Reply, Request
from gristmill.graph.roster import Member
from gristmill.graph.storage.entries import Entry, reply_place
from gristmill.graph.storage.replies import EarlierReply
from gristmill.graph.storage.store import Store

__all__ = ["Reuse", "request_sha"]

_NEVER = "replay"


class Reuse:
    """Finds replies of other runs, and says of each of this run where it is. A recording needs neither, nor does what
    answers no prompt: of that the prompt says nothing.

    Args:
        store, run, config, proposer: of the run.
    """

    def __init__(self, store: Store, run: str, config: RunConfig, proposer: Proposer) -> None:
        self._store = store
        self._run = run
        self._config = config
        self._proposer = proposer

    async def find(self, request: Request, member: Member) -> EarlierReply | None:
        """What another run was answered to this request; None where the run is to ask for itself."""
        if not self._config.calls.reuse or not self._keeps(member):
            return None
        sha = self._sha(request, member)
        return await asyncio.to_thread(self._store.replies.find, sha, run=self._run)

    def entries(self, id_: str, request: Request, member: Member, reply: Reply | None = None) -> tuple[Entry, ...]:
        """What says that the reply to a request stands with this hypothesis, or is this one."""
        return (reply_place(self._sha(request, member), self._run, id_, reply),) if self._keeps(member) else ()

    def _keeps(self, member: Member) -> bool:
        if member.model.partition(":")[0] == _NEVER:
            return False
        return reads_prompts(member_of(self._proposer, member.name if self._config.models else None))

    def _sha(self, request: Request, member: Member) -> str:
        return request_sha(request, member, {**self._config.calls.request, **member.request})


def request_sha(request: Request, member: Member, fields: dict[str, Any]) -> str:
    """The hash of all that an answer depends on: model, adapter, prompt, sampling with its seed, further fields of the
    request, and the number of the reply, which is what tells apart those without a seed.

    Weights on this machine are told apart by the sizes and times of their files as well: a folder may be trained anew.
    """
    whole = {
        "model": [member.model, _folder(member.model.partition(":")[2])],
        "adapter": [member.adapter, _folder(member.adapter)],
        "prompt": prompt_sha(request.messages),
        "sampling": request.sampling.model_dump(),
        "fields": fields,
        "place": [request.round, request.sample],
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode("utf-8", "surrogatepass")).hexdigest()


def _folder(path: str | None) -> list[tuple[str, int, int]]:
    folder = Path(path) if path else None
    try:
        if folder is None or not folder.is_dir():
            return []
        files = sorted(each for each in folder.iterdir() if each.is_file())
        return [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    except (OSError, ValueError):
        return []
