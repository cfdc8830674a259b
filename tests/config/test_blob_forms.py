import pytest

from doorward.config.blob_forms import BLOBS_URL
from doorward.config.forms import Unfit


@pytest.mark.parametrize(
    "url",
    [
        "s3://proofs",
        "s3://proofs.of.senja/a/b-c_d.e/",
        "s3://proofs?endpoint=https://s3.example:9000",
        "s3://proofs/x?endpoint=http://127.0.0.1:9000&region=ap-southeast-3",
    ],
)
def test_a_bucket_url_is_taken_as_it_is(url: str) -> None:
    assert BLOBS_URL.read(url).reveal() == url


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "URL without blanks"),
        ("https://proofs", "start with s3://"),
        ("s3://", "name a bucket"),
        ("s3://ab", "name a bucket"),
        ("s3://Proofs", "name a bucket"),
        ("s3://key:secret@proofs", "hold no keys"),
        ("s3://proofs/../other", "plain prefix"),
        ("s3://proofs//a", "plain prefix"),
        ("s3://proofs/a%2e", "plain prefix"),
        ("s3://proofs?secret=x", "no options but"),
        ("s3://proofs?region=a&region=b", "each once"),
        ("s3://proofs?region=", "name a region"),
        ("s3://proofs?endpoint=s3.example", "the endpoint as an origin"),
        ("s3://proofs?endpoint=https://user:pw@s3.example", "the endpoint as an origin"),
    ],
)
def test_what_is_no_bucket_url_is_refused_with_its_rule(url: str, rule: str) -> None:
    with pytest.raises(Unfit) as refused:
        BLOBS_URL.read(url)

    assert rule in refused.value.rule
    assert "secret@" not in refused.value.rule
