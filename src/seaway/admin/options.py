"""What the commands have in common: `--run-dir`, `--json`, and a description in each command's help."""

from __future__ import annotations

import argparse

__all__ = ["RUN_DIR_HELP", "add_json", "add_run_dir", "described"]

RUN_DIR_HELP = "run_dir of the node (default: the one node under /run/seaway)"


def add_run_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run-dir", metavar="DIR", help=RUN_DIR_HELP)


def add_json(parser: argparse.ArgumentParser, format: str | None = None) -> None:
    """`format`: the setting of which `--json` is the short form."""
    text = "JSON, with everything"
    if format is None:
        parser.add_argument("--json", action="store_true", help=text)
    else:
        parser.add_argument("--json", action="store_const", const="json", dest=format, help=text)


def described(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Give each command below `parser` its line in the list of commands as description."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            lines = {each.dest: each.help for each in action._choices_actions}
            for name, command in action.choices.items():
                text = lines.get(name)
                if text and not command.description:
                    command.description = text[0].upper() + text[1:] + "."
                described(command)
    return parser
