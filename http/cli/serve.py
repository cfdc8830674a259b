"""``doorward serve``: the options; what runs is in ``foreground``."""

import click

from doorward.config.errors import ConfigurationError
from doorward.http.cli.examples import examples
from doorward.http.cli.loading import load_settings, wrong_setting


@click.command(
    epilog=examples(
        "doorward serve",
        "doorward serve --port 8000 --data-dir /var/lib/doorward",
        "doorward serve --cluster auto",
    )
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", metavar="PORT", help="Port to listen on; 0 takes a free one.")
@click.option("--data-dir", metavar="PATH", help="Folder for the embedded Redis and for keys.")
@click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose hosts to serve for.")
def serve(host: str | None, port: str | None, data_dir: str | None, cluster: str | None) -> None:
    """Serve storefronts until Ctrl-C or SIGTERM.

    Settings come from the options, else from the environment (DOORWARD_PORT=8000), else from .env,
    else from doorward.toml; `doorward settings` shows them. Where to go is printed on standard
    output, the log on standard error. The first Ctrl-C finishes what is in flight, a second one
    ends at once; what was answered is kept either way.

    Status: 0 after a signal, 1 when it cannot serve, 2 when a setting is wrong.
    """
    options = {"host": host, "port": port, "data_dir": data_dir, "cluster": cluster}
    settings = load_settings(options)
    # Loading a server takes a second that no other command should wait for.
    from doorward.http.cli.foreground import run  # noqa: PLC0415

    try:
        run(settings)
    except ConfigurationError as error:
        raise wrong_setting(error, options) from None
