import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.device_labels import CHARACTERS_MAX, label_of

GECKO = "Mozilla/5.0 ({}) Gecko/20100101 Firefox/140.0"
WEBKIT = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
PHONE = "iPhone; CPU iPhone OS 18_5 like Mac OS X"


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        (GECKO.format("X11; Linux x86_64; rv:140.0"), "Firefox, Linux"),
        (GECKO.format("Windows NT 10.0; Win64; x64; rv:140.0"), "Firefox, Windows"),
        (WEBKIT.format("Windows NT 10.0; Win64; x64", "Chrome/140.0.0.0"), "Chrome, Windows"),
        (WEBKIT.format("Linux; Android 10; K", "Chrome/140.0.0.0 Mobile"), "Chrome, Android"),
        (WEBKIT.format("X11; CrOS x86_64 14541.0.0", "Chrome/140.0.0.0"), "Chrome, ChromeOS"),
        (WEBKIT.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.5"), "Safari, macOS"),
        (WEBKIT.format(PHONE, "Version/18.5 Mobile/15E148"), "Safari, iPhone"),
        (WEBKIT.format(PHONE, "CriOS/140.0.0.0 Mobile/15E148"), "Chrome, iPhone"),
        (
            WEBKIT.format("Windows NT 10.0; Win64; x64", "Chrome/140.0.0.0") + " Edg/140.0.0.0",
            "Edge, Windows",
        ),
        (
            WEBKIT.format("Linux; Android 14", "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile"),
            "Samsung Internet, Android",
        ),
        ("curl/8.5.0", "curl"),
        ("Dart/3.9 (dart:io)", "App"),
        ("node", ""),
        ("", ""),
        ("Firefox/140.0" + "x" * CHARACTERS_MAX, ""),
    ],
)
def test_a_session_is_labelled_in_a_few_words(user_agent: str, label: str) -> None:
    assert label_of(user_agent) == label


@given(st.text(max_size=600))
def test_a_label_holds_nothing_that_was_sent(user_agent: str) -> None:
    assert re.fullmatch("[A-Za-z]*(?: Internet)?(?:, [A-Za-z]+)?", label_of(user_agent))
