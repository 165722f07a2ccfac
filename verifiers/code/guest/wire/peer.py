"""Calls between two processes that behave as if they were one: the line between a judge and a candidate.

Both sides are equal: either may ask the other to call one of its objects, while it answers such a request itself.
A message is one canonically encoded list, framed by `gristmill.sandbox.wire.channel` (see `line`; where arguments are
copies, `flat` has a short form beside it):

    [0, op, target, args, kwargs, linked]     a request
    [1, result, changes, linked]              its answer
    [2, error]                                it raised
    [3, value, linked]                        an iterator has ended

Values cross as copies, so three things need care (`linked` says whether a message holds any of them; where it holds
objects of shared source, it is the list of what these hold):

- **Objects that do not cross** (instances of classes, functions, generators) are left where they are and named by a
  number; the other side holds a proxy. Which proxies there are, and what they let through, is each side's own matter:
  `Peer.export` and `Peer.proxy`.
- **Changes in place.** Lists, dicts, sets, deques, bytearrays and arrays among the arguments are numbered in the
  order in which a walk meets them, the same on both sides. The answer carries the new contents of those that the
  call has changed, and the caller's own objects are brought up to date before the call returns.
- **Identity.** A container that occurs twice, or comes back, is named by that number and stays one object.

Against a peer that was taken over: what it sends is bounded and of known shape, or the line is given up.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any
from weakref import WeakValueDictionary

from gristmill.sandbox.wire.room import FRAMES_A_LEVEL, Room
from gristmill.sandbox.wire.values import Bounds, DecodeError, EncodeError, encode
from gristmill.verifiers.code.guest.wire import flat
from gristmill.verifiers.code.guest.wire.carrying import Carrier
from gristmill.verifiers.code.guest.wire.changes import Held, Snapshot, changes_in, containers, parts_of
from gristmill.verifiers.code.guest.wire.line import ANSWER, ENDED, RAISED, REQUEST, Line, LineError
from gristmill.verifiers.code.guest.wire.objects import Packer, Remote, Unpacker, put
from gristmill.verifiers.code.guest.wire.sizes import check_bounds

__all__ = ["LostPeerError", "RemoteRaisedError", "StopMark", "Wire"]

_MOST_NESTED_CALLS = 500  # as in plain execution, where each way there and back takes two frames of a thousand
_FRAMES_A_CALL = 20


class LostPeerError(Exception):
    """The other side is gone, or it does not speak as agreed; there is no way to go on with it."""


class RemoteRaisedError(Exception):
    """The other side's call raised; `error` says what, in plain values that need not be true."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__("the other side raised")
        self.error = error


class StopMark:
    """What `Wire.request` returns when the other side's iterator has ended."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Wire:
    """One end of the line. Subclasses' matters come in as three functions; nothing of theirs is ever sent by itself.

    Args:
        sock: a connected stream socket, blocking.
        export: the `Remote` to send for an object that stays here.
        proxy: the object to use here for a `Remote` that came in. Raises `DecodeError` if it names nothing.
        answer: does what a request asks: ``answer(op, target, args, kwargs)``; what it raises goes through `blame`.
        blame: describes an exception for the other side, in plain values; may re-raise what must not cross.
        bounds: of one message that comes in.
        export_made: the same as `export` for what an answer holds, where that differs.
        proxy_argument: the same as `proxy` for what a request holds, where that differs.
        holding: ``asking`` follows what the other side's objects change later, ``serving`` tells it of own ones.
        copies: ``asks`` or ``answers`` where what that side is asked changes nothing of the other's; see `Line`.
        patience: see `Line`.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        export: Callable[[Any], Any],
        proxy: Callable[[Any], Any],
        answer: Callable[[str, Any, Any, dict[str, Any]], Any],
        blame: Callable[[BaseException], dict[str, Any]],
        bounds: Bounds,
        export_made: Callable[[Any], Any] | None = None,
        proxy_argument: Callable[[Any], Any] | None = None,
        holding: str = "",
        copies: str = "",
        patience: float | None = None,
    ) -> None:
        self._asking = Held() if holding == "asking" else None
        self._serving = Held() if holding == "serving" else None
        self._snapshots: WeakValueDictionary[int, Snapshot] = WeakValueDictionary()
        self.line = Line(sock, bounds, copies, patience)
        self._asks, self._answers = copies == "asks", copies == "answers"
        self._export = export
        self._export_made = export_made or export
        self._proxy = proxy
        self._proxy_argument = proxy_argument or proxy
        self._answer = answer
        self._blame = blame
        self._bounds = bounds
        self._depth = 0
        self.carrier = Carrier()
        self.lost = ""
        self.requests = 0
        self.later = 0  # changes of what this side gave, by an object that was asked afterwards

    def request(self, op: str, target: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Ask the other side; its requests are served until it answers.

        Raises:
            EncodeError: an argument cannot cross.
            RemoteRaisedError: it raised.
            LostPeerError: it is gone, now or since earlier.
        """
        if self.lost:
            raise LostPeerError(self.lost)
        self.requests += 1
        if self._asks and not kwargs and (short := flat.question(op, target, args, self._bounds)):
            self._send(short)
            return self._result(self._answered(), [])[0]
        packer = Packer(self._export, None, self.carrier)
        with self._room():
            packed = [packer.pack(value) for value in args]
            named = {key: packer.pack(value) for key, value in kwargs.items()} if kwargs else {}
            links = packer.links()
        data = encode([REQUEST, op, target, packed, named, links], self._bounds)
        held = self._asking.of(target) if self._asking else []
        self._send(data)
        message = self._answered()
        result, seen = self._result(message, [] if self._asks else packer.seen + held)
        if self._asking and message[0] == ANSWER:
            self.later += self._asking.changed(held, [row[0] for row in message[2]], len(packer.seen))
            self._asking.hold(target, _number_of(message[1]), seen, packer.seen)
        return result

    def _answered(self) -> list[Any]:
        """What the other side answers, its own requests served until then."""
        while (message := self._receive())[0] == REQUEST:
            self._serve(message)
        return message

    def serve(self) -> None:
        """Answer requests until the other side hangs up."""
        with suppress(LostPeerError), Room(_FRAMES_A_CALL if self._answers else 0):
            while (message := self._receive())[0] == REQUEST:
                self._serve(message)

    def _result(self, message: list[Any], own: list[Any]) -> tuple[Any, list[Any]]:
        try:
            if message[0] == ANSWER:
                _, result, changes, linked = message
                if self._asks:
                    if changes:
                        raise DecodeError("a change of what it got a copy of")
                    return self._linked(result, [], [], linked) if linked is not False else (result, [])
                if linked is not False:
                    return self._linked(result, changes, own, linked)
                for number, contents in changes:
                    self._change(own, number, Unpacker.plain(contents))
                inner = [each for _, contents in changes for each in parts_of(contents)]
                return result, own + containers([result, *inner], self.carrier.shared)
            if message[0] == ENDED:
                _, value, linked = message
                return StopMark(self._linked(value, [], [], linked)[0] if linked is not False else value), []
            _, error = message
            if type(error) is not dict:
                raise DecodeError("an error is malformed")
        except (DecodeError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise self._lose(f"it sent a value that cannot be used: {error}") from None
        raise RemoteRaisedError(error)

    def _linked(self, result: Any, changes: Any, own: list[Any], links: Any) -> tuple[Any, list[Any]]:
        unpacker = Unpacker(self._proxy, own, self.carrier)
        with self._room():
            result = unpacker.unpack(result)
            changed = [(number, unpacker.contents(contents)) for number, contents in changes]
            unpacker.finish(links)
            for number, contents in changed:
                self._change(own, number, contents)
        if unpacker.refers:
            check_bounds([result, *own], self._bounds)
        return result, unpacker.seen

    @staticmethod
    def _change(own: list[Any], number: Any, contents: Any) -> None:
        if type(number) is not int or not -len(own) <= number < len(own):
            raise DecodeError("a change of nothing")
        if number < 0:
            if type(own[~number]) is not list:
                raise DecodeError("what has grown is no list")
            own[~number].extend(contents)
        else:
            put(own[number], contents)

    def _serve(self, message: list[Any]) -> None:
        try:
            _, op, target, args, kwargs, linked = message
            if type(op) is not str or type(args) is not list or type(kwargs) is not dict:
                raise DecodeError("a request is malformed")
            values: list[Any] = []
            if linked is not False or not self._answers:
                args, kwargs, values = self._taken(args, kwargs, linked)
        except (DecodeError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise self._lose(f"it sent a request that cannot be used: {error}") from None
        before = [Snapshot(value) for value in values]
        held = self._serving.of(target) if self._serving else []
        self._depth += 1
        try:
            if self._depth > _MOST_NESTED_CALLS:
                raise RecursionError(f"calls between a function and its tests nest deeper than {_MOST_NESTED_CALLS}")
            # The way through here is not the program's own recursion.
            with nullcontext() if self._answers and self._depth == 1 else Room(_FRAMES_A_CALL):
                result = self._answer(op, target, args, kwargs)
        except LostPeerError:
            raise
        except BaseException as error:  # whatever was raised is the answer
            self._send(encode([RAISED, self._blame(error)]))
            return
        finally:
            self._depth -= 1
        self._send(self._encoded(result, target, before, held))

    def _taken(
        self, args: list[Any], kwargs: dict[str, Any], links: Any
    ) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """What a request holds, and which of it can change in place."""
        with self._room():
            if links is not False:
                unpacker = Unpacker(self._proxy_argument, None, self.carrier)
                args = [unpacker.unpack(value) for value in args]
                kwargs = {str(key): unpacker.unpack(value) for key, value in kwargs.items()}
                unpacker.finish(links)
                if unpacker.refers:
                    check_bounds([*args, *kwargs.values()], self._bounds)
            return args, kwargs, [] if self._answers else containers([*args, *kwargs.values()], self.carrier.shared)

    def _encoded(self, result: Any, target: Any, before: list[Snapshot], held: list[Snapshot]) -> bytes:
        if self._answers and (short := flat.answer(result)) is not None and len(short) <= self._bounds.size:
            return short
        packer = Packer(self._export_made, [each.value for each in before + held], self.carrier)
        try:
            with self._room():
                if isinstance(result, StopMark):
                    value = packer.pack(result.value)
                    return encode([ENDED, value, packer.links()], self._bounds)
                packed = packer.pack(result)
                changes = changes_in(before, held, packer.contents)
                data = encode([ANSWER, packed, changes, packer.links()], self._bounds)
            if self._serving and (type(target) is int or _number_of(packed) is not None):
                self._serving.hold(target, _number_of(packed), list(map(self._snapshot, packer.seen)))
            return data
        except (EncodeError, RecursionError) as error:
            deep = f"nested deeper than {self._bounds.depth} levels, or containing itself"
            cause = error if isinstance(error, EncodeError) else EncodeError(deep)
            return encode([RAISED, self._blame(cause)])

    def _snapshot(self, value: Any) -> Snapshot:
        """The one of that container, which says from now on what has changed since now."""
        snapshot = self._snapshots.get(id(value))
        if snapshot is None or snapshot.value is not value:
            snapshot = self._snapshots[id(value)] = Snapshot(value)
        snapshot.renew()
        return snapshot

    def _room(self) -> Room:
        """For walks over what a message holds, as deep as it may nest."""
        return Room(FRAMES_A_LEVEL * self._bounds.depth)

    def _send(self, data: bytes) -> None:
        try:
            self.line.send(data)
        except LineError as error:
            raise self._lose(str(error)) from None

    def _receive(self) -> list[Any]:
        try:
            return self.line.receive()
        except LineError as error:
            raise self._lose(str(error)) from None

    def _lose(self, reason: str) -> LostPeerError:
        self.lost = self.lost or reason
        return LostPeerError(self.lost)


def _number_of(result: Any) -> int | None:
    """The number of an object that stays with whoever has answered."""
    is_link = type(result).__name__ == Remote.__name__ and isinstance(result, tuple) and len(result) == 4
    return result[1] if is_link and result[0] == "mine" else None
