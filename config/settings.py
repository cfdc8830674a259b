"""The settings of a process: read once at start, frozen, refused as a whole when one is wrong."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from doorward.config import cautions
from doorward.config.concerns import Files, Hosting, Keys, Log, Mail, Server, Store
from doorward.config.declarations import Setting, settings_of
from doorward.config.errors import ConfigurationError
from doorward.config.forms import Unfit
from doorward.config.network_forms import is_ip
from doorward.config.secret import MASK
from doorward.config.sources import CONFIG, ENV_FILE, Given, gather


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, by concern; see ``concerns`` for each one's meaning and unit."""

    server: Server = Server()
    store: Store = Store()
    keys: Keys = Keys()
    mail: Mail = Mail()
    hosting: Hosting = Hosting()
    log: Log = Log()
    files: Files = Files()

    def warnings(self) -> tuple[str, ...]:
        """List what is allowed and likely not meant, a sentence each; no secret is in them."""
        return tuple(
            chain(
                cautions.of_server(self.server, self.mail),
                cautions.of_store(self.store),
                cautions.of_mail(self.mail),
                cautions.of_hosting(self.hosting, self.store, self.keys),
            )
        )


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A setting in words: its names, what it takes, and what it is set to (secrets masked)."""

    concern: str
    name: str
    key: str
    accepts: str
    unit: str
    default: str
    meaning: str
    value: str


SETTINGS: Final = settings_of(Settings)
_FILES: Final = frozenset({ENV_FILE, CONFIG})


def load(environ: Mapping[str, str], *, folder: Path) -> Settings:
    """Read the settings from the environment, over ``.env``, over ``doorward.toml``.

    Args:
        environ: Usually ``os.environ``; nothing else of the process is looked at.
        folder: Usually the working folder. Both files are looked for here unless
            ``DOORWARD_ENV_FILE`` or ``DOORWARD_CONFIG`` names another; relative paths start here.

    Returns:
        Checked settings, with ``data_dir`` absolute and ``mail_from`` filled in.

    Raises:
        ConfigurationError: A name is unknown, a value breaks its rule, or a file cannot be read.
            The first one found; secrets and values of unknown names are masked.
    """
    folder = folder.absolute()
    sources = gather(environ, folder=folder, settings=SETTINGS)
    values: dict[str, dict[str, Any]] = {concern: {} for concern in Settings.__struct_fields__}
    for setting in SETTINGS:
        given = sources.given.get(setting.key)
        if given is not None and setting.key not in _FILES:
            values[setting.concern][setting.attribute] = _read(setting, given)
    server = Server(**values["server"])
    values["mail"].setdefault("mail_from", _usual_sender(server))
    store = Store(**values["store"])
    return Settings(
        server=server,
        store=msgspec.structs.replace(store, data_dir=folder / store.data_dir),
        keys=Keys(**values["keys"]),
        mail=Mail(**values["mail"]),
        hosting=Hosting(**values["hosting"]),
        log=Log(**values["log"]),
        files=Files(env_file=sources.env_file, config=sources.config),
    )


def describe(settings: Settings | None = None) -> tuple[Described, ...]:
    """Describe every setting, in order, with its value in ``settings`` (else with its default)."""
    return tuple(_described(setting, settings or Settings()) for setting in SETTINGS)


def _read(setting: Setting, given: Given) -> object:
    declaration = setting.declaration
    try:
        return declaration.form.read(given.text)
    except Unfit as unfit:
        shown = MASK if declaration.is_secret else given.text
        raise ConfigurationError(given.name, shown, f"{unfit.rule}{given.where}") from None


def _usual_sender(server: Server) -> str:
    host = urlsplit(server.public_url or "").hostname
    return f"no-reply@{host if host and not is_ip(host) else 'localhost'}"


def _described(setting: Setting, settings: Settings) -> Described:
    declaration = setting.declaration
    return Described(
        concern=setting.concern,
        name=setting.name,
        key=setting.key,
        accepts=declaration.form.rule,
        unit=declaration.unit,
        default=declaration.absent or f"`{_shown(setting.default)}`",
        meaning=declaration.meaning,
        value=_shown(getattr(getattr(settings, setting.concern), setting.attribute)),
    )


def _shown(value: object) -> str:
    if value is None or value == ():
        return "absent"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
