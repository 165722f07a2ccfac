"""Alerts on their way: a thread of their own and a bounded queue, so that a slow receiver holds up nothing."""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from gristmill.graph.commands.alerts.due import Alert
from gristmill.sandbox.errors import UserError

__all__ = ["Sender", "scheme_of", "services_of"]

_WAITING = 64
"""Alerts that may wait; more are not sent, and counted."""
_SECONDS = 5.0
"""For a connection, and for each wait for what a receiver says."""


def scheme_of(url: str) -> str:
    """All of an address that may be shown: in some, what looks like a host is the key."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+-]{0,31})://", url)
    return f"{scheme[1].lower()}://…" if scheme else "no address"


def services_of(urls: Sequence[str]) -> list[Any]:
    """What Apprise makes of the addresses.

    Raises:
        UserError: the extra `alerts` is missing, or Apprise does not take an address, which is not shown.
    """
    if not urls:
        return []
    try:
        from apprise import Apprise, AppriseAsset
    except ModuleNotFoundError as error:
        raise UserError(
            "alerts need the package 'apprise', which is missing: pip install 'gristmill[alerts]'"
        ) from error
    # It quotes addresses in what it logs, and so it may say nothing.
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [logging.NullHandler()], False
    services = []
    for number, url in enumerate(urls, 1):
        # With a timeout of its own it would send from threads that the end of the process waits for.
        asset = AppriseAsset(app_id="gristmill", app_desc="gristmill", async_mode=False, service_timeout=0)
        service = Apprise.instantiate(url, asset=asset)
        if service is None:
            raise UserError(
                f"--alert: Apprise does not take address {number} of {len(urls)} ({scheme_of(url)}; the rest is not "
                "shown, as it may hold a key); https://github.com/caronc/apprise/wiki lists how they are written"
            )
        for wait in ("socket_connect_timeout", "socket_read_timeout"):
            setattr(service, wait, min(_SECONDS, getattr(service, wait) or _SECONDS))
        services.append(Apprise([service]))
    return services


class Sender:
    """Sends alerts in the order in which they are given, in a thread that no process waits for.

    Args:
        urls: Apprise's addresses.
        sent: called in that thread, with each alert that a receiver at least has taken.

    Raises:
        UserError: see `services_of`.
    """

    def __init__(self, urls: Sequence[str], sent: Callable[[Alert], None]) -> None:
        self._services = list(zip(map(scheme_of, urls), services_of(urls), strict=True))
        self._sent = sent
        self._queue: queue.Queue[tuple[Alert, str] | None] = queue.Queue(_WAITING)
        self._given = self._taken = 0
        self._failing: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()

    def send(self, alert: Alert, more: str) -> None:
        """Put it behind the others; returns at once.

        Args:
            more: what is told below the text.
        """
        self._given += 1
        try:
            self._queue.put_nowait((alert, more))
        except queue.Full:
            return

    def close(self, seconds: float) -> str:
        """Wait so long at most for what is under way; what was not sent, in words, or an empty text."""
        deadline = time.monotonic() + seconds
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            pass
        else:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        lost = self._given - self._taken
        if not lost and not self._failing:
            return ""
        where = ", ".join(sorted(self._failing or {scheme for scheme, _ in self._services}))
        if not lost:
            return f"some alerts did not reach {where}"
        return f"{lost} of {self._given} alerts were not sent ({where}); `apprise -v -b test URL` says why"

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            alert, more = item
            reached = [self._reached(scheme, service, alert, more) for scheme, service in self._services]
            if any(reached):
                self._taken += 1
                self._sent(alert)

    def _reached(self, scheme: str, service: Any, alert: Alert, more: str) -> bool:
        try:
            taken = bool(service.notify(title=alert.title, body=f"{alert.text}\n{more}", body_format="text"))
        except Exception:  # noqa: BLE001  # whatever a service's client raises, the run goes on and the end tells
            taken = False
        if not taken:
            self._failing.add(scheme)
        return taken
