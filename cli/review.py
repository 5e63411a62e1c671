"""`foreshock review`: anomalies among the incidents themselves."""

import typer

from cli.review_acts import register_acts
from cli.review_models import register_models
from cli.review_report import REPORT_HELP, report
from cli.review_run import RUN_HELP, run
from cli.review_shown import LIST_HELP, SHOW_HELP, SUMMARY_HELP, list_, show, summary


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Find anomalies among the incidents.", no_args_is_help=True)
    group.command("run", help=RUN_HELP)(run)
    group.command("summary", help=SUMMARY_HELP)(summary)
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    group.command("report", help=REPORT_HELP)(report)
    register_acts(group)
    register_models(group)
    app.add_typer(group, name="review")
