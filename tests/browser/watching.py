"""What no page may do: complain in the console, throw, or talk to anyone but its own server."""

from playwright.async_api import BrowserContext, ConsoleMessage, Request, WebError

# A form that is answered with 4xx is a page all the same; Chromium alone calls that an error.
_BY_DESIGN = "Failed to load resource: the server responded with a status of 4"


class Watched:
    """A window's misdeeds."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._url = url
        self._seen: list[str] = []
        context.on("console", self._said)
        context.on("weberror", self._thrown)
        context.on("request", self._asked)

    def demand_peace(self) -> None:
        assert not self._seen, self._seen

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_BY_DESIGN):
            self._seen.append(message.text)

    def _thrown(self, error: WebError) -> None:
        self._seen.append(str(error.error))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(f"{self._url}/"):
            self._seen.append(request.url)
