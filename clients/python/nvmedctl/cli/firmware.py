"""nvmedctl firmware: images, and what drives run."""

from __future__ import annotations

import click


@click.group()
def firmware() -> None:
    """Firmware of drives: upload an image once, then stage, activate and verify it."""
