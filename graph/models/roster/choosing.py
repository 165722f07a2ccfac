"""Who is asked at a place of a run: whom its plan names, else whom a draw by weight gives."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer, member_of, reads_prompts, takes
from gristmill.graph.prompts.messages import choose_profile
from gristmill.graph.records import Sampling
from gristmill.graph.roster import Member, drawn
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Task

__all__ = ["Choice"]


class Choice:
    """Chooses among the members of one run.

    Pure but for `lost`: the same place and plan give the same member, as long as the same members are left.

    Args:
        config: of the run; it names the members.
        proposer: of the run.
        lost: names of the members that were given up, which others may add to.
    """

    def __init__(self, config: RunConfig, proposer: Proposer, lost: Set[str] = frozenset()) -> None:
        self.members = config.members
        self._config = config
        self._proposer = proposer
        self._lost = lost
        self._by_name = {each.name: each for each in self.members}

    def of(
        self, task: Task, round: int, sample: int, wanted: str | None = None, *, able: bool = False
    ) -> Member | None:
        """The member that is asked; None where none is as it is wanted.

        Args:
            task: what is asked; a member that cannot answer it gives its share to the others.
            round, sample: the place.
            wanted: the model that the plan names; one that was given up or cannot answer this gives way to a draw.
            able: only members that read prompts for capable models.

        Raises:
            UserError: the plan names a model that the run does not have.
        """
        if wanted is not None and wanted not in self._by_name:
            raise UserError(
                f"a plan of the strategy asks for the model {wanted!r}; the run has {self._config.member_names}"
            )
        if len(self.members) == 1:
            only = self.members[0]
            return None if able and not self._reads_much(only) else only
        left = [each for each in self.members if each.name not in self._lost] or list(self.members)
        # Where nobody can, whoever is asked says why.
        left = [each for each in left if takes(self.proposer(each), task)] or left
        left = [each for each in left if self._reads_much(each)] if able else left
        named = next((each for each in left if each.name == wanted), None)
        return named or (drawn(left, self._config.seed, task.id, round, sample) if left else None)

    def proposer(self, member: Member) -> Proposer:
        """Who answers for a member."""
        return member_of(self._proposer, self.name(member))

    def name(self, member: Member) -> str | None:
        """How a request says whom it is for; None where the run has one model."""
        return member.name if self._config.models else None

    def profile(self, member: Member) -> Literal["chat", "small"]:
        """The prompts of a member."""
        return choose_profile(member.profile or self._config.prompts.profile, member.model)

    def sampling(
        self, member: Member, temperature: float | None, seed: int | None, *, stop: tuple[str, ...] = ()
    ) -> Sampling:
        """How a reply of a member is drawn: as the plan says, else the member, else the run."""
        calls = self._config.calls
        own = calls.temperature if member.temperature is None else member.temperature
        return Sampling(
            temperature=own if temperature is None else temperature,
            top_p=calls.top_p if member.top_p is None else member.top_p,
            max_tokens=member.max_tokens or calls.longest(self.profile(member)),
            stop=stop,
            seed=seed,
        )

    def _reads_much(self, member: Member) -> bool:
        return self.profile(member) == "chat" and reads_prompts(self.proposer(member))
