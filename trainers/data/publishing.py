"""A dataset's folder on a hub, by `huggingface_hub`: on request alone, and as it lies there, nothing beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.data.auditing.manifest import MANIFEST, SIGNATURE
from gristmill.trainers.data.card import ANSWERLESS

__all__ = ["check_options", "check_push", "push"]

_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def check_options(out: str, *, push: str | None, public: bool, format: str) -> None:
    """See before any work that options go together, and that a push can be tried.

    Raises:
        UserError: they do not, or it cannot.
    """
    if push is None:
        if public:
            raise UserError("--public says how --push uploads; give that too")
        return
    if out == "-" or Path(out).suffix in (".jsonl", ".parquet"):
        raise UserError(f"--push: {out} is one file; a folder with its card is uploaded")
    if public and format in ANSWERLESS:
        raise UserError(
            f"--public: rows of {format} hold hidden tests, answers and references, which must not be public"
        )
    check_push(push)


def check_push(repo: str) -> str:
    """See before any work that a push can be tried; the token.

    Raises:
        UserError: the library or the token is missing, or the repository's name is none.
    """
    if not _REPO.fullmatch(repo):
        raise UserError(f"--push {repo}: is no OWNER/NAME")
    if find_spec("huggingface_hub") is None:
        raise UserError(
            "--push needs huggingface_hub: pip install huggingface_hub; it comes with 'gristmill[train]' too"
        )
    token = os.environ.get("HF_TOKEN", "").strip()
    if not token:
        raise UserError("--push needs a token that may write: put it into the environment as HF_TOKEN")
    return token


def push(
    folder: str | Path,
    repo: str,
    *,
    verified: int,
    public: bool = False,
    hidden: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> str:
    """Upload a folder that `gristmill export` has written; the commit's address.

    The repository is made if there is none, private but with `public`. One that is public already is not written to
    without it: what was to be private would not be.

    Args:
        verified: rows of the dataset that are verified.
        hidden: whether its rows hold the tasks with their hidden tests.
        tell: gets what is going to be uploaded, line by line, before anything is.

    Raises:
        UserError: nothing is verified, the audit of the folder does not hold any more, hidden tests would be public,
            the repository is public, or the hub refuses the token.
        InfrastructureError: the hub cannot be reached.
    """
    token, folder = check_push(repo), Path(folder)
    if not verified:
        raise UserError(f"{folder}: none of its rows is verified; nothing is uploaded")
    if public and hidden:
        raise UserError(f"{folder}: its rows hold hidden tests, answers and references, which --public would publish")
    files = sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    tell(_audited(folder))
    tell(f"uploading to the {'public' if public else 'private'} dataset {repo}:")
    for file in files:
        tell(f"  {file.relative_to(folder).as_posix()}  {file.stat().st_size} bytes")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        api = HfApi(token=token, library_name="gristmill")
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        if not public and not api.repo_info(repo, repo_type="dataset").private:
            raise UserError(f"{repo} is public: give --public if these rows shall be, or another name")
        done = api.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=[each.relative_to(folder).as_posix() for each in files],
            # Splits and the manifest of an earlier export must not stand beside the new ones.
            delete_patterns=["data/*", MANIFEST, SIGNATURE],
            commit_message="Dataset written by gristmill",
        )
    except UserError:
        raise
    except HFValidationError as error:
        raise UserError(f"--push {repo}: {error}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        first_line = str(error).strip().partition("\n")[0].replace(token, "…")
        if status in (400, 401, 403, 404):
            raise UserError(f"--push {repo}: the hub refuses ({status}): {first_line}") from error
        raise InfrastructureError(f"{repo} could not be uploaded: {first_line}") from error
    except Exception as error:  # its client raises those of one or another HTTP library, its own, and OS errors
        raise InfrastructureError(f"{repo} could not be uploaded: {str(error).replace(token, '…')}") from error
    return str(done.commit_url)


def _audited(folder: Path) -> str:
    """How the audit stands.

    Raises:
        UserError: there was one, and the files are others now.
    """
    if not (folder / MANIFEST).is_file():
        return "note: this dataset is not audited: gristmill audit signs that all of its rows hold"
    if find_spec("cryptography") is None:
        return "note: whether its audit holds cannot be seen without cryptography: pip install 'gristmill[audit]'"
    from gristmill.trainers.data.auditing.manifest import differences, read_signed

    manifest, problems = read_signed(folder, None)
    problems = [*problems, *differences(manifest, folder)]
    if problems:
        raise UserError(
            f"{folder}: its audit is stale: {problems[0]}. Audit it again, or take {MANIFEST} and {SIGNATURE} away"
        )
    return f"audited on {manifest.created}, and unchanged since"
