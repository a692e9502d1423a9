"""`lowtide model info|use`: the embedding model, and its change.

Invariant: a model is tried in a worker under the budget before the configuration names it; when it does not work, or
does not fit, nothing is changed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from lowtide.cli.console import format_bytes, hang, paint, print_json, say, say_lines
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import find_client, is_embedded
from lowtide.cli.running import run
from lowtide.cli.setup import load
from lowtide.config.edit import write_model_path
from lowtide.config.settings import LEAST_BUDGET_BYTES, Config
from lowtide.core.budget import LEAST_TASK_BYTES, MARGIN_BYTES, MIB, MODEL_BYTES, WORKER_BYTES
from lowtide.errors import LowtideError, ModelError
from lowtide.index.forecast import DAEMON_BYTES
from lowtide.models import counted
from lowtide.paths import Places
from lowtide.serve.client import stop
from lowtide.serve.host import Host
from lowtide.work.model.model_folder import ModelFolder, check_model, default_model, predict_bytes, read_model

_STEP_BYTES = 8 * MIB
"""A budget that would do is named in steps of this."""


@click.group("model")
@global_options
def command(options: Options) -> None:
    """Show the embedding model, or take another."""


@command.command("info")
@global_options
def info(options: Options) -> None:
    """Show the embedding model.

    What it is, where it comes from, what it takes, and whether the budget holds it.
    """
    places, config = load(options)
    model = read_model(config.model_path or default_model())
    needs = _needs(model.folder, config)
    dims = model.dims
    if not dims and needs.fits:  # a plain export does not tell: the graph must be asked
        with suppress(LowtideError):
            dims = _try(places, config)
    answer: dict[str, Any] = {
        "name": model.name,
        "licence": model.licence,
        "kind": str(model.kind),
        "dims": dims or None,
        "pooling": str(model.pooling),
        "header": str(model.header),
        "max_tokens": model.max_tokens,
        "recipe": model.recipe,
        "path": str(model.folder),
        "chosen_by": _chosen_by(config),
        "disk_bytes": _disk_bytes(model),
        "predicted_bytes": needs.worker_bytes,
        "budget_bytes": config.budget_bytes,
        "least_budget_bytes": needs.budget_bytes,
        "fits": needs.fits,
        "provenance": _provenance(model),
    }
    if options.as_json:
        print_json(answer)
    else:
        _print(answer)


@command.command("use")
@click.argument("model", metavar="DIR|default")
@global_options
def use(model: str, options: Options) -> None:
    """Take the model in DIR, or Lowtide's with `default`.

    DIR holds model.onnx (or onnx/model.onnx) and tokenizer.json: an export of a sentence model as sentence-transformers
    lays it out, or Lowtide's own format. It is tried first. Indexes are embedded anew at their next `lowtide index`.
    """
    places, config = load(options)
    chosen = None if model == "default" else Path(os.path.abspath(Path(model).expanduser()))
    if chosen is not None and chosen.exists() and os.path.samefile(chosen, default_model()):
        chosen = None
    before = _recipe(config)
    config = replace(config, model_path=chosen)
    folder = read_model(chosen or default_model())
    needs = _needs(folder.folder, config)
    if not needs.fits:
        raise _too_large(folder.folder, needs)
    dims = _try(places, config)
    changed = write_model_path(places.config_file, chosen)
    overridden = bool(os.environ.get("LOWTIDE_MODEL"))
    indexes = len(places.list_indexes()) if folder.recipe != before and not overridden else 0
    daemon = "not asked" if is_embedded(options) else _tell_daemon() if changed else "not concerned"
    answer = {
        "name": folder.name,
        "path": str(folder.folder),
        "default": chosen is None,
        "dims": dims,
        "recipe": folder.recipe,
        "changed": changed,
        "config": str(places.config_file),
        "indexes_to_embed": indexes,
        "daemon": daemon,
        "overridden": overridden,
    }
    if options.as_json:
        print_json(answer)
    elif not options.quiet:
        _say(answer)


class _Needs(msgspec.Struct, frozen=True):
    """What a model is predicted to take in a worker, the least budget for it, and whether the present one holds it."""

    worker_bytes: int
    budget_bytes: int
    fits: bool


def _needs(folder: Path, config: Config, daemon_bytes: int = DAEMON_BYTES) -> _Needs:
    worker = WORKER_BYTES + MODEL_BYTES if config.model_path is None else predict_bytes(folder)
    least = worker + LEAST_TASK_BYTES + MARGIN_BYTES + daemon_bytes
    budget = max(LEAST_BUDGET_BYTES, -(-least // _STEP_BYTES) * _STEP_BYTES)
    return _Needs(worker, budget, config.budget_bytes >= budget)


def _too_large(folder: Path, needs: _Needs) -> ModelError:
    size = f"{needs.budget_bytes >> 20}MiB"
    return ModelError(
        f"model {folder}",
        f"it needs about {needs.worker_bytes >> 20} MiB of memory in a worker, more than the budget leaves",
        f'set `budget = "{size}"` in your configuration (or give --budget {size}), or choose a smaller model',
    )


def _try(places: Places, config: Config) -> int:
    """Load the model in a worker under the budget and embed a word; the number of dimensions. ModelError,
    WorkerError."""

    async def main() -> int:
        folder = config.model_path or default_model()
        if config.model_path is not None:
            check_model(folder, config.budget_bytes)
        async with Host(places, config) as host:
            if not host.ladder.footing().embed:  # what this process holds was measured now
                raise _too_large(folder, _needs(folder, config, host.budget.daemon_bytes))
            (vector,) = await host.pool.encode(["open a file"], str(folder))
            return len(vector)

    return run(main)


def _tell_daemon() -> str:
    """An idle daemon is stopped: the next command starts one with the new model. `restart` when it is in use."""
    client = find_client(Options())
    if client is None:
        return "not running"
    if client.hello.get("idle"):
        stop(client)
        return "stopped"
    client.close()
    return "restart"


def _recipe(config: Config) -> str:
    """The recipe of the model in use; empty when it cannot be read, which must not keep a user from leaving it."""
    try:
        return read_model(config.model_path or default_model()).recipe
    except LowtideError:
        return ""


def _chosen_by(config: Config) -> str:
    if os.environ.get("LOWTIDE_MODEL"):
        return "LOWTIDE_MODEL"
    return "default" if config.model_path is None else "config.toml"


def _disk_bytes(model: ModelFolder) -> int:
    """The model's files: graph, weights beside it, tokenizer."""
    return sum(file.stat().st_size for file in (*model.onnx.parent.glob("model.onnx*"), model.tokenizer))


def _provenance(model: ModelFolder) -> Any:
    """What `model.json` tells of where the model comes from; None when it tells nothing."""
    try:
        return json.loads((model.folder / "model.json").read_text("utf-8")).get("provenance")
    except OSError:
        return None


def _print(answer: dict[str, Any]) -> None:
    budget, least = format_bytes(answer["budget_bytes"]), format_bytes(answer["least_budget_bytes"])
    dims = f"{answer['dims']} dimensions" if answer["dims"] else "dimensions not known before it is loaded"
    longest = f", at most {answer['max_tokens']} tokens" if answer["max_tokens"] else ""
    say(paint(answer["name"], bold=True))
    rows = [
        ("licence", answer["licence"]),
        ("kind", f"{answer['kind']}, {dims}, pooling {answer['pooling']}{longest}"),
        ("recipe", answer["recipe"]),
        ("path", f"{answer['path']} ({answer['chosen_by']})"),
        ("disk", format_bytes(answer["disk_bytes"])),
        ("memory", f"about {format_bytes(answer['predicted_bytes'])} in a worker"),
    ]
    provenance = answer["provenance"]
    for key, value in provenance.items() if isinstance(provenance, dict) else [("provenance", provenance)]:
        if isinstance(value, str | int | float):
            rows.append((key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        say_lines(hang(f"  {name:<{width}}  ", text))
    verdict = f"fits {budget}" if answer["fits"] else f"does not fit {budget}: {least} would do"
    say(paint(f"  {'budget':<{width}}  {verdict}", "green" if answer["fits"] else "red"))


def _say(answer: dict[str, Any]) -> None:
    say(f"{'now' if answer['changed'] else 'already'} in use: {answer['name']}, {answer['dims']} dimensions")
    if answer["overridden"]:
        say("LOWTIDE_MODEL is set, and comes before the configuration: unset it")
    if count := answer["indexes_to_embed"]:
        say(f"{counted(count, 'index', 'indexes')}: embedded anew at the next `lowtide index`")
    if answer["daemon"] == "stopped":
        say("the daemon had nothing to do and was stopped; the next command starts it with this model")
    elif answer["daemon"] == "restart":
        say("the daemon is in use and keeps its model until it is started anew: run `lowtide daemon stop`")
