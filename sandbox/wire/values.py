"""The one encoding in which values cross a sandbox's border: plain builtins and numeric arrays, exact types.

A value is JSON text; what JSON lacks is an object with a single key that begins with ``$``, and long bytes and arrays
lie in a binary part behind the text::

    [1, "a", null]                       plain values: only JSON, at the C encoder's speed
    {"$t": [1, 2]}                       a tuple
    00 · 4-byte length · JSON · bytes    with a binary part

    $t tuple · $s set · $f frozenset · $d dict [keys, values] · $i int in hexadecimal · $u str with lone surrogates
    $b bytes · $B bytearray · $c complex · $r range · $l slice · $e Ellipsis · $T builtin type by name
    $C Counter · $O OrderedDict · $D defaultdict · $q deque · $N named tuple · $m Decimal · $F Fraction
    $x date, time, datetime · $y timedelta · $a array [dtype, shape, place] · $n numpy scalar

Types are exact (``type(x) is int``): instances of subclasses are refused, except the containers of the standard
library, which cross as what they are and are read through their base class's own methods, and named tuples. Object
arrays are refused. Sizes are bounded on the *expanded* tree: a reference that is shared counts every time, so a
cycle meets a bound. `decode` builds values from its own table and runs nothing; whatever the bytes are, it
returns a value or raises `DecodeError`, at a cost bounded by `Bounds`. This module and the two behind it are staged
into sandboxes: they import the standard library only, and numpy when an array occurs.
"""

from __future__ import annotations

from gristmill.sandbox.wire.bounds import DEEP, Bounds, DecodeError, EncodeError
from gristmill.sandbox.wire.decoding import decode
from gristmill.sandbox.wire.encoding import NAMED_TYPES, encode

__all__ = ["DEEP", "NAMED_TYPES", "Bounds", "DecodeError", "EncodeError", "decode", "encode"]
