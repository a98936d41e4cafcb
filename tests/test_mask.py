"""No encoding of a secret passes the mask."""

from __future__ import annotations

import base64
import json
import subprocess
import traceback
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.domain import Failure, Output, Usage
from evalgate.errors import Fault, InputError
from evalgate.mask import Mask, is_secret_name

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
SECRETS = st.text(PRINTABLE, min_size=8, max_size=60)
PLAIN = st.text(st.characters(min_codepoint=0x3B1, max_codepoint=0x3C9), max_size=12)  # shares no sign with a secret

ENCODINGS = {
    "plain": lambda secret: secret,
    "bearer": lambda secret: f"Bearer {secret}",
    "url": lambda secret: quote(secret, safe=""),
    "url-path": quote,
    "url-form": quote_plus,
    "url-small": lambda secret: "".join(f"%{byte:02x}" if not chr(byte).isalnum() and chr(byte) not in "_.-~" else chr(byte) for byte in secret.encode()),
    "json": json.dumps,
    "json-twice": lambda secret: json.dumps(json.dumps({"key": secret})),
    "json-slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "python": repr,
    "html": escape,
    "hex": lambda secret: secret.encode().hex(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64-url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "basic": lambda secret: base64.b64encode(f"api:{secret}".encode()).decode(),
    "basic-longer": lambda secret: base64.b64encode(f"anna:{secret}:x".encode()).decode(),
}  # fmt: skip


def decoded_anywhere(text: str, secret: str) -> bool:
    """Whether somebody who knows these encodings gets the secret back."""
    if secret in text:
        return True
    words = [text[start:] for start in range(len(text))]
    for word in words:
        core = word[: len(word) - len(word) % 4]
        for decode in (base64.b64decode, base64.urlsafe_b64decode):
            try:
                if secret.encode() in decode(core):
                    return True
            except ValueError:
                continue
    return False


@pytest.mark.parametrize("name", ENCODINGS)
@given(secret=SECRETS, before=PLAIN, after=PLAIN)
@example(secret="sk-live-SECRET-1234567890abcdef", before="", after="")
@example(secret="a/b+c&d\"e'f\\g<h>", before="", after="")
def test_no_form_of_a_secret_is_left(name: str, secret: str, before: str, after: str) -> None:
    text = f"{before} {ENCODINGS[name](secret)} {after}"
    masked = Mask([secret]).text(text)
    assert "***" in masked
    assert ENCODINGS[name](secret).strip("\"'=") not in masked
    assert not decoded_anywhere(masked, secret)
    assert masked.startswith(f"{before} ")
    assert masked.endswith(f" {after}")


@given(st.text(max_size=200), st.text(PRINTABLE, max_size=7))
def test_a_short_value_and_a_text_without_the_secret_stay_as_they_are(text: str, short: str) -> None:
    assert Mask([short, "", None]).text(text) == text
    assert not Mask([short])
    masked = Mask(["\u03b1" * 8]).text(text)
    assert masked == text or "\u03b1" in text or "%" in text or "zrHOsc6x" in text or "u03b1" in text


@given(SECRETS)
def test_every_text_of_an_outcome_is_masked(secret: str) -> None:
    mask = Mask([secret])
    output = Output(text=f"a {secret}", finish_reason=secret, served_by=f"m {secret}", usage=Usage(input_tokens=3))
    masked = mask.value(output)
    assert not any(secret in text for text in (masked.text, masked.finish_reason, masked.served_by))
    assert (masked.text, masked.usage) == ("a ***", output.usage)
    assert mask.value(Failure(kind="unusable", message=f"refused: {secret}")).message == "refused: ***"
    untouched = Output(text="\u03b1")
    assert mask.value(untouched) is untouched
    data = {"choices": [{"message": {"content": [{"text": secret}], secret: (secret, 1, None, True, 2.5)}}]}
    assert secret not in repr(mask.value(data))


@given(SECRETS)
def test_an_error_and_what_it_came_from_hold_no_secret(secret: str) -> None:
    mask = Mask([secret])
    with pytest.raises(InputError) as caught, mask.errors():
        try:
            raise KeyError(f"no {secret}")
        except KeyError as error:
            raise InputError(f"refused {secret}", hint=secret, faults=[Fault(message=secret)]) from error
    error: BaseException | None = caught.value
    assert [str(fault) for fault in caught.value.faults][1] == "***"
    while error is not None:
        assert secret not in repr(error) + str(error) + repr(vars(error))
        error = error.__cause__


@given(SECRETS)
def test_the_traceback_of_an_error_of_any_class_holds_no_secret(secret: str) -> None:
    errors: list[Exception] = [
        FileNotFoundError(2, "no file", secret, 0, secret),
        SyntaxError(f"bad {secret}", ("file", 1, 1, f"x = {secret!r}", 1, 2)),
        ImportError(f"cannot import {secret}", name=secret),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, f"bad {secret}"),
        subprocess.CalledProcessError(1, ["curl", "-H", secret], output=secret),
        ExceptionGroup("several", [ValueError(secret)]),
    ]
    for error in errors:
        error.add_note(f"while {secret} was used")
        Mask([secret]).error(error)
        assert secret not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("scheme", ["Bearer", "basic", "token"])
@given(secret=SECRETS)
def test_a_key_is_masked_that_its_variable_has_with_its_scheme(scheme: str, secret: str) -> None:
    assert secret not in Mask([f"{scheme} {secret}\n"]).text(f"wrong key: {secret}")


SPELLINGS = (
    lambda char: char,
    lambda char: json.dumps(char)[1:-1],
    lambda char: f"\\u{ord(char):04x}",
    lambda char: f"\\u{ord(char):04X}",
    lambda char: json.dumps(f"\\u{ord(char):04x}")[1:-1],
    lambda char: f"\\x{ord(char):02x}",
    lambda char: f"%{ord(char):02X}",
    lambda char: f"%25{ord(char):02x}",
    lambda char: f"&#{ord(char)};",
    lambda char: f"&#x{ord(char):x};",
    lambda char: char if char.isalnum() else f"\\{char}",  # Markdown, shells
)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\%&"), min_size=8), st.data())
def test_a_secret_is_found_however_each_of_its_characters_is_escaped(secret: str, data: st.DataObject) -> None:
    spelt = "".join(data.draw(st.sampled_from(SPELLINGS))(char) for char in secret)
    assert Mask([secret]).text(f"so {spelt} it is") == "so *** it is"


@given(st.text(min_size=8), st.booleans())
def test_no_reader_of_json_gets_a_secret_back(secret: str, escapes_all: bool) -> None:
    written = "".join(f"\\u{unit:04x}" for unit in utf16(secret)) if escapes_all else json.dumps(secret)[1:-1]
    read = json.loads(Mask([secret]).text(f'{{"reason": "it said {written}"}}'))
    assert read["reason"] == "it said ***"


def utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@pytest.mark.parametrize("text", ["\\" * 100_000, "%25" * 50_000, "&#" + "0" * 100_000, "\\u0073" * 50_000])
def test_a_text_of_escapes_is_left_as_it_is(text: str) -> None:
    assert Mask(["s3cret-of-mine", "\\" * 7 + "x" * 7]).text(text) == text


@given(st.text(PRINTABLE, min_size=1, max_size=12), st.text(PRINTABLE, min_size=8, max_size=40))
def test_the_password_of_a_basic_header_is_masked_without_its_encoding(user: str, password: str) -> None:
    user = user.replace(":", "")
    pair = f"{user}:{password}"
    text = Mask([f"Basic {base64.b64encode(pair.encode()).decode()}"]).text(f"{pair} is wrong, {password!r}")
    assert password not in text


def test_a_key_in_several_lines_is_masked_line_by_line() -> None:
    lines = ["Key0123456789Keyabc+/x", "Key0123456789KeyXYZ9", "Key0123456789Key=="]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    account = json.dumps({"type": "service_account", "client_id": "plain words", "private_key": key})
    for secret in (key, account):
        told = Mask([secret]).text(
            " | ".join([key, *lines, "plain words", json.dumps(key), lines[0].replace("+", "\\u002b")])
        )
        assert "Key0123456789Key" not in told
        assert "plain words" in told


@pytest.mark.parametrize(
    "name", ["DB_PASS", "passphrase", "PGPASS", "GH_PAT", "SENTRY_DSN", "SESSION_COOKIE", "bearer"]
)
def test_a_name_says_that_its_value_is_a_secret(name: str) -> None:
    assert is_secret_name(name)
    assert not any(map(is_secret_name, ["BYPASS", "COMPASS", "PASSENGER", "PATH", "AUTHOR", "PATTERN", "SPAT"]))


def test_a_cookie_is_masked_by_its_value() -> None:
    mask = Mask(["session=tok-9f8e7d6c5b4a39281706; theme=light-and-dark; path=/"])
    assert mask.text("tok-9f8e7d6c5b4a39281706 and light-and-dark") == "*** and light-and-dark"
