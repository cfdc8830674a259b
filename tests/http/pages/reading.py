"""A browser without JavaScript: reads pages, follows redirects, sends forms, keeps cookies."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode

from tests.http.knocking import Answer, Client, Headers, cookie_header

URL_ENCODED: Final = "application/x-www-form-urlencoded"
_REDIRECTS_MAX: Final = 4
_VOID: Final = {"input", "meta", "link", "img", "hr", "br", "path"}


@dataclass
class Form:
    action: str
    method: str
    kind: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: set[str] = field(default_factory=set)


class Shown(HTMLParser):
    """What a person finds on a page."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self._texts: list[str] = []
        self._open: list[str] = []
        self._link: tuple[str, int] | None = None
        self._area: str | None = None
        self._select = ""
        self.html = answer.raw.decode()
        self.feed(self.html)
        assert self._open == [], f"never closed: {self._open}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append((tag, given))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "form":
            kind = given.get("enctype") or URL_ENCODED
            self.forms.append(Form(given["action"] or "", given.get("method") or "get", kind))
        elif tag == "input" and given.get("type") == "checkbox":
            self.forms[-1].boxes.add(given["name"] or "")
            if "checked" in given:
                self.forms[-1].fields[given["name"] or ""] = given.get("value") or "on"
        elif tag == "select":
            self._select = given["name"] or ""
        elif tag == "option":
            if "selected" in given or self._select not in self.forms[-1].fields:
                self.forms[-1].fields[self._select] = given["value"] or ""
        elif tag in {"input", "textarea"} and self.forms:
            self.forms[-1].fields[given["name"] or ""] = given.get("value") or ""
            self._area = given["name"] if tag == "textarea" else None
        elif tag == "a":
            self._link = (given.get("href") or "", len(self._texts))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # only void elements are closed so

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"closed out of turn: {tag}"
        if tag == "a" and self._link is not None:
            href, begin = self._link
            self.links[" ".join(" ".join(self._texts[begin:]).split())] = href
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if "title" in self._open and "svg" not in self._open:
            self.title += data
        elif not {"style", "script"} & set(self._open):
            self._texts.append(data)
        if self._area is not None:
            # The first line end after <textarea> is not part of it (HTML, "newline at the start").
            self.forms[-1].fields[self._area] = data.removeprefix("\n")

    def form(self, ending: str) -> Form:
        (found,) = [form for form in self.forms if form.action.endswith(ending)]
        return found


class Reader:
    """One person's browser."""

    def __init__(self, client: Client, headers: Headers = ()) -> None:
        self._client = client
        self._headers = list(headers)
        self.jar: dict[str, str] = {}
        self.path = ""

    async def open(self, path: str) -> Shown:
        return await self._follow(await self._send("GET", path))

    async def send(self, form: Form, **filled: str) -> Shown:
        """Fill a form in and send it."""
        assert form.method == "post"
        assert set(filled) <= set(form.fields) | form.boxes, form
        fields = {**form.fields, **filled}
        return await self._follow(
            await self.post(form.action, urlencode(fields).encode(), URL_ENCODED)
        )

    async def send_file(self, form: Form, content: bytes, kind: str, name: str = "a.png") -> Shown:
        """Choose a file and send the form it belongs to."""
        assert form.kind == "multipart/form-data"
        body, media_type = multipart(content, kind, name)
        return await self._follow(await self.post(form.action, body, media_type))

    async def post(self, path: str, raw: bytes, kind: str, headers: Headers = ()) -> Answer:
        return await self._send("POST", path, [("Content-Type", kind), *headers], raw)

    async def _send(
        self, method: str, path: str, headers: Headers = (), raw: bytes | None = None
    ) -> Answer:
        self.path = path
        sent = [*self._headers, *headers]
        if self.jar:
            sent.append(cookie_header(*(f"{name}={value}" for name, value in self.jar.items())))
        answer = await self._client(method, path, None, sent, raw=raw)
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.jar.pop(name, None)
            if "Max-Age=0" not in cookie:
                self.jar[name] = value
        return answer

    async def _follow(self, answer: Answer) -> Shown:
        for _ in range(_REDIRECTS_MAX):
            if answer.status != 303:
                return Shown(answer)
            assert answer.headers["Location"].startswith("/")
            answer = await self._send("GET", answer.headers["Location"])
        raise AssertionError("too many redirects")


def multipart(content: bytes, kind: str, name: str = "a.png") -> tuple[bytes, str]:
    """Write a form's file as browsers do; tell the body and its type."""
    head = (
        f'--frontier\r\nContent-Disposition: form-data; name="proof"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    body = head.encode() + content + b"\r\n--frontier--\r\n"
    return body, "multipart/form-data; boundary=frontier"
