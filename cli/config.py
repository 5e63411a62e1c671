"""`foreshock config`: check settings, show them with their defaults, describe them to editors."""

from typing import Annotated

import msgspec
import typer

from cli.errors import bad_input

CHECK_HELP = """Check a settings file; say which key is wrong.

\b
Example:
  foreshock config check config/dev.yaml
"""
SHOW_HELP = """Print the settings, defaults included, as YAML. Secrets are shown as ***.

\b
Example:
  foreshock config show config/kafka.yaml
"""
SCHEMA_HELP = """Print the JSON Schema of the settings file.

\b
Example:
  foreshock config schema > foreshock.schema.json
In the YAML file, for editors: # yaml-language-server: $schema=foreshock.schema.json
"""

File = Annotated[str, typer.Argument(help="The settings file.", metavar="FILE")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Check, show and describe settings.", no_args_is_help=True)
    group.command("check", help=CHECK_HELP)(check)
    group.command("show", help=SHOW_HELP)(show)
    group.command("schema", help=SCHEMA_HELP)(schema)
    app.add_typer(group, name="config")


def check(file: File) -> None:
    """Load the settings, and the catalogue files and templates that they name."""
    from config.app import load_app
    from config.catalogue import SHIPPED, load_catalogue

    app = load_app(file)
    load_catalogue(*SHIPPED, *app.catalogue)
    if app.notify.templates:
        from flows.rendering import Renderer
        from flows.templates import Templates

        with bad_input():
            Renderer(templates=Templates(app.notify.templates)).check()
    typer.echo(f"{file}: ok")


def show(file: File) -> None:
    """Print settings and defaults."""
    from config.app import App
    from config.loader import convert, read
    from config.masking import masked_yaml

    document = read(file)
    typer.echo(masked_yaml(convert(document, App, file), document), nl=False)


def schema() -> None:
    """Print the JSON Schema of `App`."""
    from config.app import App

    described = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    described |= msgspec.json.schema(App)
    typer.echo(msgspec.json.format(msgspec.json.encode(described), indent=2).decode())
