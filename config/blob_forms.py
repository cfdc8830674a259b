"""The form of the URL that names where uploaded files lie.

No rule here quotes the text it refuses: whoever writes keys into it by mistake must not read them
in a log.
"""

import re
from typing import Final
from urllib.parse import parse_qsl

from doorward.config.forms import Form, Unfit
from doorward.config.network_forms import ORIGIN, split_url
from doorward.config.secret import Secret

# Amazon's rules for new buckets; others have the same or stricter ones.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._-]+)*/?", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_OPTIONS: Final = frozenset({"endpoint", "region"})


def _blobs_url(text: str) -> Secret[str]:
    parts = split_url(text, ("s3",))
    if "@" in parts.netloc:
        raise Unfit("hold no keys: they are read from AWS_ACCESS_KEY_ID and the like")
    if not _BUCKET.fullmatch(parts.netloc):
        raise Unfit("name a bucket, as in s3://bucket/prefix")
    if not _PREFIX.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise Unfit("have a plain prefix of letters, digits and . _ -, if any")
    options = parse_qsl(parts.query, keep_blank_values=True)
    if any(name not in _OPTIONS for name, _ in options) or len(dict(options)) != len(options):
        raise Unfit("have no options but endpoint and region, each once")
    given = dict(options)
    if "region" in given and not _REGION.fullmatch(given["region"]):
        raise Unfit("name a region such as ap-southeast-3")
    _check_endpoint(given.get("endpoint"))
    return Secret(text)


def _check_endpoint(endpoint: str | None) -> None:
    try:
        if endpoint is not None:
            ORIGIN.read(endpoint)
    except Unfit:
        raise Unfit("name the endpoint as an origin such as https://s3.example") from None


BLOBS_URL: Final = Form(
    "an s3:// URL, as in s3://bucket/prefix?endpoint=https://s3.example", _blobs_url
)
