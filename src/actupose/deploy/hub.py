"""Exported folders on a Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

from actupose.deploy.folder import CONFIG, WEIGHTS, is_folder
from actupose.engine.checkpoints import first_line
from actupose.errors import UserError


def fetch(repository: str) -> Path:
    """Download weights and description of a repository, or take them from the hub's cache.

    Args:
        repository: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``.

    Returns:
        A folder for `load_folder`.

    Raises:
        UserError: there is no such repository, it holds no model of this program, or the hub cannot be reached.
    """
    name, _, revision = repository.partition("@")
    try:
        path = Path(snapshot_download(name, revision=revision or None, allow_patterns=[CONFIG, WEIGHTS]))
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{name}: neither here nor on the hub, or private without a token; name a run, a checkpoint, an exported "
            "folder or OWNER/NAME."
        ) from error
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(f"{name}: not here, and the hub gives nothing ({first_line(error)}).") from error
    if not is_folder(path):
        raise UserError(f"{name}: holds no {CONFIG} of `actupose export`; name another repository.")
    return path


def push(folder: Path, repository: str, *, private: bool = False) -> str:
    """Put an exported folder on the hub, which is made where it is not there.

    Args:
        folder: from `write_folder`.
        repository: ``OWNER/NAME``.
        private: for a new repository.

    Returns:
        Its address.

    Raises:
        UserError: the hub refuses (often: no token) or cannot be reached.
    """
    if not is_folder(folder):
        raise UserError(f"{folder}: is no exported model; make one with `actupose export`.")
    hub = HfApi()
    try:
        address = str(hub.create_repo(repository, private=private, exist_ok=True))
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="Export of actupose")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise UserError(
            f"{repository}: the hub does not take {folder} ({first_line(error)}); log in with `hf auth login` and try "
            "again, the folder stays."
        ) from error
    return address
