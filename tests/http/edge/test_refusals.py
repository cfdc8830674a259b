import pickle

import pytest

from doorward.http.edge import refusals
from doorward.http.edge.refusals import EdgeError, MethodNotAllowed


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("BadRequest", 400),
        ("BadBody", 400),
        ("BrokenBody", 400),
        ("Forbidden", 403),
        ("NotFound", 404),
        ("RequestTimeout", 408),
        ("PayloadTooLarge", 413),
        ("UnsupportedMediaType", 415),
    ],
)
def test_each_refusal_has_its_status_and_says_why(name: str, status: int) -> None:
    error: EdgeError = getattr(refusals, name)("That is why")

    assert (error.status, error.reason, str(error)) == (status, "That is why", "That is why")


def test_a_405_lists_what_is_allowed() -> None:
    error = MethodNotAllowed(["POST", "GET"])

    assert (error.status, error.headers) == (405, {"Allow": "GET, POST"})


@pytest.mark.parametrize("name", ["BrokenBody", "RequestTimeout", "PayloadTooLarge"])
def test_what_leaves_a_body_half_read_says_that_it_closes(name: str) -> None:
    error: EdgeError = getattr(refusals, name)("why")

    assert error.headers == {"Connection": "close"}


def test_one_refusal_s_headers_are_no_other_s() -> None:
    MethodNotAllowed(["GET"])

    assert refusals.NotFound("why").headers == {}
    assert MethodNotAllowed(["PUT"]).headers == {"Allow": "PUT"}


@pytest.mark.parametrize(
    "error", [refusals.Forbidden("why"), refusals.BrokenBody("why"), MethodNotAllowed(["GET"])]
)
def test_refusals_survive_pickling(error: EdgeError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert type(copy) is type(error)
    assert (copy.reason, copy.headers) == (error.reason, error.headers)
