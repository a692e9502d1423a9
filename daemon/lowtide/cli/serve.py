"""`lowtide serve`: the gateway before a team's index."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import click

from lowtide.cli.console import say
from lowtide.cli.options import Options, global_options
from lowtide.cli.together import refuse_json
from lowtide.errors import ConfigError, UsageError


@click.command("serve")
@click.option("--engine", required=True, metavar="URI", help="Milvus: http://host:19530, or a file for milvus-lite.")
@click.option("--tokens", required=True, type=click.Path(), help="The file that says which token allows what.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve at.")
@click.option("--port", default=8450, show_default=True, type=click.IntRange(0, 65535))
@click.option("--certificate", type=click.Path(), help="The TLS certificate, with those that vouch for it.")
@click.option("--key", type=click.Path(), help="Its key.")
@click.option("--engine-token-file", type=click.Path(), help="A file with `user:password`, or a token, of the engine.")
@click.option("--prefix", default="lowtide", show_default=True, help="Of the names of the engine's collections.")
@click.option("--dims", default=256, show_default=True, type=click.IntRange(1, 4096), help="Components of a vector.")
@click.option("--exact", is_flag=True, help="Compare with every vector; for milvus-lite, and small stores.")
@global_options
def command(
    engine: str,
    tokens: str,
    host: str,
    port: int,
    certificate: str | None,
    key: str | None,
    engine_token_file: str | None,
    prefix: str,
    dims: int,
    exact: bool,
    options: Options,
) -> None:
    """Serve a team's index: what `lowtide push` sends, to who has a token.

    The engine is Milvus; `pip install '.[serve]'` in a clone brings its client. It is reached by nobody but this
    gateway.
    """
    refuse_json(options, "it goes on and on")
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key", "one is of no use without the other", "give both")
    from lowtide.system.beneath import open_plain
    from lowtide.team.access import Access
    from lowtide.team.gateway import Gateway
    from lowtide.team.http import Server
    from lowtide.team.remote import MOST_TOKEN_BYTES

    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.INFO, stream=sys.stderr)
    access = Access.from_file(Path(tokens))
    try:
        from lowtide.team.milvus import MilvusEngine
    except ImportError as error:
        remedy = "run `pip install '.[serve]'` in a clone of Lowtide"
        raise ConfigError("the engine's client is not installed", str(error), remedy) from None
    token = ""
    if engine_token_file is not None:
        with open_plain(Path(engine_token_file), MOST_TOKEN_BYTES, follow=True) as file:
            token = file.whole().decode("utf-8", "replace").strip()
    made = MilvusEngine(engine, prefix, dims, token=token, exact=exact)
    pair = (Path(certificate), Path(key)) if certificate is not None and key is not None else None
    try:
        with Server((host, port), Gateway(made), access, pair) as server:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            say(f"serving at {server.address}")
            sys.stdout.flush()
            server.serve_forever()
    finally:
        made.close()
