"""Options that several commands have.

Floor 7.
"""

from __future__ import annotations

import click

__all__ = ["JSON", "PLAIN", "SOURCE"]

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
PLAIN = click.option("--plain", is_flag=True, default=None, help="Without what is hand-written for speed.")
SOURCE = click.option(
    "--source", default="auto", show_default=True, metavar="WHERE",
    help="auto | hub | sample | DIR | FILE | SPLIT=FILE[,SPLIT=FILE].",
)  # fmt: skip
