"""What a dataset was when it was audited: a hash of every file and row, signed with the owner's own key.

``manifest.json`` stands in the dataset's folder, ``manifest.sig`` beside it: the ed25519 signature of its very bytes,
in base64. Anyone who has the files and trusts the key finds out what was changed since, and where.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, ValidationError

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "MANIFEST",
    "SIGNATURE",
    "FileHash",
    "Manifest",
    "differences",
    "fingerprint",
    "hashed_files",
    "private_key",
    "public_key",
    "raw",
    "read_signed",
    "task_hash",
    "tree",
    "write_signed",
]

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
_FILES: Final = 10_000


class FileHash(Record):
    """A file of the dataset."""

    path: str = Field(description="within the folder, with /")
    bytes: int
    sha256: str
    rows: tuple[str, ...] = Field((), description="of a .jsonl file: the sha256 of each line without its end")


class Manifest(Record):
    """What was audited, by what, and what came of it."""

    manifest: int = 1
    gristmill: str
    created: str = Field(description="UTC, ISO 8601")
    tree: str = Field(description="sha256 of the lines `sha256  path` of all files, sorted by path")
    files: tuple[FileHash, ...]
    tasks: dict[str, str] = Field(description="sha256 of each task's row, by id; of all that rows name")
    verifiers: dict[str, str] = Field(description="who judged again, by kind")
    sandbox: str
    rows: int
    judged: int = Field(description="replies that were judged again")
    unverified: int = Field(description="rows that never claimed to be verified")
    public_key: str = Field(description="ed25519, raw, base64")


def hashed_files(folder: Path) -> tuple[FileHash, ...]:
    """Every file of a dataset but manifest and signature, by path.

    Raises:
        UserError: there is a link or something that is no plain file, or there are too many files.
    """
    found: list[FileHash] = []
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if name in (MANIFEST, SIGNATURE):
            continue
        if len(found) >= _FILES:
            raise UserError(f"{folder}: more than {_FILES:,} files, which no dataset of ours has")
        data = path.read_bytes()
        lines = data.removesuffix(b"\n").split(b"\n") if name.endswith(".jsonl") and data else []
        rows = tuple(hashlib.sha256(line).hexdigest() for line in lines)
        found.append(FileHash(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=rows))
    return tuple(found)


def _walk(folder: Path) -> Iterator[Path]:
    for above, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *names]):
            path = Path(above) / name
            # A link could lead to other bytes for whoever checks.
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise UserError(f"{path}: a link or no plain file; what is audited has files and folders only")
            if name in names:
                yield path


def tree(files: Sequence[FileHash]) -> str:
    """One hash of all files."""
    lines = sorted(f"{each.sha256}  {each.path}\n" for each in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def task_hash(row: Mapping[str, Any]) -> str:
    """The sha256 of a task's row, however its keys are ordered."""
    said = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def private_key(path: Path) -> Ed25519PrivateKey:
    """The owner's key, as `ssh-keygen` or `openssl` has written it.

    Raises:
        UserError: it is not there, is protected by a passphrase, or is no ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = _key_bytes(path)
    load = serialization.load_ssh_private_key if b"OPENSSH" in data else serialization.load_pem_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"--key {path}: cannot be read: {error}; a key without a passphrase is wanted") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"--key {path}: is no ed25519 key; {_MAKE.format(path=path)}")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """A key to check with: a public one, or a private one's public half.

    Raises:
        UserError: it is not there, or no ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    data = _key_bytes(path)
    if b"PRIVATE KEY" in data:
        return private_key(path).public_key()
    load = serialization.load_ssh_public_key if data.startswith(b"ssh-") else serialization.load_pem_public_key
    try:
        key = load(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"--key {path}: cannot be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"--key {path}: is no ed25519 key")
    return key


_MAKE = "make one: ssh-keygen -t ed25519 -N '' -f {path}"


def _key_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"--key {path}: there is no such file; {_MAKE.format(path=path)}") from error
    except OSError as error:
        raise UserError(f"--key {path}: {error.strerror}") from error


def raw(key: Ed25519PublicKey) -> str:
    """A public key as a manifest holds it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def fingerprint(key: str) -> str:
    """A key's name, as ``ssh-keygen -l`` says it, of what a manifest holds.

    Raises:
        ValueError: that is no key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
    blob = found.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")


def write_signed(folder: Path, manifest: Manifest, key: Ed25519PrivateKey) -> None:
    """Write manifest and signature.

    Raises:
        InfrastructureError: the disk is full, read-only or not ours to write.
    """
    data = (manifest.model_dump_json(indent=1) + "\n").encode("utf-8", "surrogatepass")
    try:
        (folder / MANIFEST).write_bytes(data)
        (folder / SIGNATURE).write_bytes(base64.b64encode(key.sign(data)) + b"\n")
    except OSError as error:
        raise InfrastructureError(f"cannot write the manifest in {folder}: {error.strerror}") from error


def read_signed(folder: Path, trusted: Ed25519PublicKey | None) -> tuple[Manifest, list[str]]:
    """The manifest, and what is wrong with it and its signature.

    Args:
        folder: the dataset.
        trusted: the key that must have signed; None takes the one that the manifest names, which proves only that
            nothing was changed since by anybody without that key.

    Raises:
        UserError: there is no manifest, or it cannot be read as one.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder} has no {MANIFEST}: nobody has audited it; `gristmill audit {folder} --key KEY` does")
    data = path.read_bytes()
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(f"{path}: {place}: {first['msg']}") from error
    problems = []
    if trusted is not None and raw(trusted) != manifest.public_key:
        problems.append(f"{MANIFEST}: it names the key {_named(manifest.public_key)}, not {fingerprint(raw(trusted))}")
    try:
        key = trusted or Ed25519PublicKey.from_public_bytes(base64.b64decode(manifest.public_key, validate=True))
        signature = base64.b64decode((folder / SIGNATURE).read_bytes().strip(), validate=True)
        key.verify(signature, data)
    except FileNotFoundError:
        problems.append(f"{SIGNATURE}: is not there")
    except (InvalidSignature, ValueError, binascii.Error):
        problems.append(f"{SIGNATURE}: does not belong to {MANIFEST}, or is by another key")
    if tree(manifest.files) != manifest.tree:
        problems.append(f"{MANIFEST}: tree: is not the hash of the files that it lists")
    return manifest, problems


def _named(key: str) -> str:
    try:
        return fingerprint(key)
    except ValueError:
        return "(no key)"


def differences(manifest: Manifest, folder: Path) -> list[str]:
    """What of a dataset is not as the manifest says, by file and line."""
    here = {each.path: each for each in hashed_files(folder)}
    then = {each.path: each for each in manifest.files}
    found = [f"{path}: is not there" for path in then if path not in here]
    found += [f"{path}: was not there" for path in here if path not in then]
    for path in then:
        if path in here and here[path].sha256 != then[path].sha256:
            found += _changed(path, then[path], here[path])
    return found


def _changed(path: str, then: FileHash, here: FileHash) -> list[str]:
    if not then.rows and not here.rows:
        return [f"{path}: was changed"]
    if sorted(then.rows) == sorted(here.rows):
        moved = [line for line, pair in enumerate(zip(then.rows, here.rows, strict=True), 1) if pair[0] != pair[1]]
        if not moved:
            return [f"{path}: its last line ended otherwise"]
        return [f"{path}: line {line}: its row stood elsewhere" for line in moved]
    if len(then.rows) == len(here.rows):
        pairs = enumerate(zip(then.rows, here.rows, strict=True), 1)
        return [f"{path}: line {line}: was changed" for line, (one, other) in pairs if one != other]
    before, after = list(then.rows), set(here.rows)
    rows = enumerate(before, 1)
    lost = [f"{path}: line {line} of {len(before)} is missing" for line, row in rows if row not in after]
    known = set(before)
    new = [f"{path}: line {line}: was not there" for line, row in enumerate(here.rows, 1) if row not in known]
    more = f"{path}: has {len(here.rows)} rows, {len(before)} then: some stand there more or less often"
    return [*lost, *new] or [more]
