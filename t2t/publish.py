"""Putting a run on the Hugging Face hub: its model, its card and its reports, in one commit.

Floor 6. The model's files stand at the top of the repository, where ``from_pretrained`` looks for them. Checkpoints
never go, predictions only where asked for; a file that could run code (a pickle, a script), or that lies elsewhere,
stops it all.
"""

from __future__ import annotations

from pathlib import Path

from t2t import hub
from t2t.errors import HubError, UsageError, visible
from t2t.hub import MODEL_FILES
from t2t.report import render

__all__ = ["check_repo", "files", "push"]

PAGES = ("README.md", "report.json", "report.md", "report.html", "run.yaml")
WEIGHTLESS = (".jinja", ".md")  # chat templates and cards, beside what is read of a model on the hub


def check_repo(repo: str) -> None:
    """Raise ``UsageError`` unless ``repo`` is OWNER/NAME, ``HubError`` if the network is not to be used."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        repo = ""
    if repo.count("/") != 1:
        raise UsageError("a repository on the hub is OWNER/NAME", fix="For example me/my-model.", code="C01")
    if why := hub.offline():
        raise HubError(f"nothing can be pushed: {why}", kind="offline", fix=f"Unset {why.partition(' ')[0]}.",
                       code="H04")  # fmt: skip


def files(run: Path, *, predictions: bool = False) -> dict[str, Path]:
    """Return what is pushed of a run, by its path in the repository.

    Raise ``UsageError`` where there is no run, no model, or a file among the model's that is none of a model.
    """
    model = run / "model"
    if not (model / "config.json").is_file():
        raise UsageError("there is no model here", where=str(run), fix="Finish the run with `t2t resume`.")
    found = {}
    for path in sorted(path for path in model.rglob("*") if not path.is_dir() or path.is_symlink()):
        _check_inside(path, model)
        if path.suffix not in (*MODEL_FILES, *WEIGHTLESS):
            raise UsageError("this is no safetensors, configuration or vocabulary file", where=str(path),
                             fix="Take it out of the folder: it could run code where it is loaded.")  # fmt: skip
        found[path.relative_to(model).as_posix()] = path
    found |= {name: run / name for name in PAGES if (run / name).is_file()}
    if predictions:
        some = sorted(run.glob("eval/*/*.predictions.jsonl"))
        found |= {path.relative_to(run).as_posix(): path for path in some}
    for path in found.values():
        _check_inside(path, run)
    return found


def _check_inside(path: Path, folder: Path) -> None:
    """Refuse a link out of a folder: what it leads to was never meant to be pushed."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"this leads out of {folder}", where=str(path), fix="Put the file itself there.")


def push(run: Path, repo: str, *, private: bool | None = None, predictions: bool = False) -> str:
    """Write the card anew, make the repository if it is not there, and put the run there; return the commit's address.

    ``private`` is of a repository that is made: None is public, or what its owner has set. Raise ``UsageError`` as
    `files` does, ``HubError`` for whatever the hub or the network does.
    """
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi

    check_repo(repo)
    render(run)
    parts = [CommitOperationAdd(name, path) for name, path in files(run, predictions=predictions).items()]
    if why := hub.reachable():
        raise HubError(why, kind="unavailable", where=repo, fix="Try again later.", code="H01")
    try:
        api = HfApi(endpoint=hub.endpoint(), library_name="t2t")
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.create_commit(repo, parts, commit_message=f"Put {run.name} here with t2t").commit_url)
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError, KeyError) as error:  # as huggingface_hub raises
        status = getattr(getattr(error, "response", None), "status_code", None)
        kind = "gated" if status in (401, 403) else "unavailable"
        fix = "Log in with a token that may write (hf auth login, or HF_TOKEN)." if kind == "gated" else "Try again."
        said = f"the hub answered {status}" if status else f"{type(error).__name__}: {_line(error)}"
        raise HubError(f"pushing failed: {said}", kind=kind, where=repo, fix=fix, code="H01") from None


def _line(error: BaseException) -> str:
    """Return the first line of what an error, or what it came from, says."""
    return visible((str(error.__cause__ or error).splitlines() or [""])[0])
