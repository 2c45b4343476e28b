"""API keys: which are accepted, how they are written, and that nothing tells them."""

import logging
import os
from pathlib import Path

import pytest

from fashion.errors import InvalidValue
from service import keys
from service.keys import KeyRing, parse_keys
from service.refusals import Refusal
from service.settings import Settings

SHOP, PHONE = "shop-key-of-some-length", "phone-key-of-some-length"


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(parse_keys(f"shop:{SHOP}, phone:{PHONE}", "a test"))


def test_either_header_tells_whose_key_it_is(ring: KeyRing):
    assert ring.holder(bearer(SHOP)) == "shop"
    assert ring.holder({b"authorization": f"bEARER  {PHONE} ".encode()}) == "phone"
    assert ring.holder({b"x-api-key": PHONE.encode()}) == "phone"
    assert ring.holder({b"authorization": b"Basic abc", b"x-api-key": SHOP.encode()}) == "shop"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": SHOP.encode()},
        {b"authorization": b"Bearer "},
        {b"x-api-key": b""},
        {b"cookie": SHOP.encode()},
    ],
)
def test_a_request_without_a_key_is_told_how_to_send_one(ring: KeyRing, headers: dict[bytes, bytes]):
    with pytest.raises(Refusal, match="Authorization: Bearer KEY") as refused:
        ring.holder(headers)
    assert refused.value.code == "unauthorized"
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="fashion"'}


@pytest.mark.parametrize("key", [SHOP[:-1], f"{SHOP}x", SHOP.upper(), "shop", f"shop:{SHOP}", "\xff" * 30])
def test_a_wrong_key_is_refused_and_not_repeated(ring: KeyRing, key: str):
    with pytest.raises(Refusal) as refused:
        ring.holder({b"x-api-key": key.encode()})
    assert key not in refused.value.body().decode()
    assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]


def test_every_key_is_compared_in_constant_time_whichever_fits(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
):
    compared: list[tuple[int, int]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr("hmac.compare_digest", compare)
    for key in (SHOP, PHONE, "x", "x" * 10_000):
        try:
            ring.holder({b"x-api-key": key.encode()})
        except Refusal:
            continue
    assert compared == [(32, 32)] * 8


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no key"),
        (" , # nothing\n", "holds no key"),
        (SHOP, "name:key"),
        (f":{SHOP}", "name:key"),
        (f"a b:{SHOP}", "name:key"),
        (f"a:{SHOP},a:{PHONE}", "a name of its own"),
        ("shop:too-short", "at least 16"),
        (f"shop:{SHOP}ä", "printable ASCII"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_telling_them(text: str, complaint: str):
    with pytest.raises(InvalidValue, match=complaint) as raised:
        parse_keys(text, "FASHION_API_KEYS")
    assert SHOP not in str(raised.value)
    assert "too-short" not in str(raised.value)


def test_no_keys_are_asked_for_unless_they_are_set():
    assert KeyRing.of(Settings()) is None
    with pytest.raises(InvalidValue, match="holds no key"):  # set, but to nothing: never open by mistake
        KeyRing.of(Settings.model_validate({"api_keys": ""}))


def test_settings_do_not_show_their_keys():
    assert SHOP not in repr(Settings.model_validate({"api_keys": f"shop:{SHOP}"}))


def test_a_file_of_keys_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys, "_LOOK_AGAIN_SECONDS", 0.0)
    file = tmp_path / "keys"
    file.write_text(f"# by name\nshop:{SHOP}\n\nphone:{PHONE}  # old\n")
    ring = KeyRing.of(Settings.model_validate({"api_keys": "ops:" + "o" * 20, "api_keys_file": file}))
    assert ring is not None
    assert ring.names == ("ops", "shop", "phone")
    replaced = tmp_path / "new"
    replaced.write_text(f"shop:{PHONE}\n")
    replaced.replace(file)
    assert ring.holder(bearer(PHONE)) == "shop"
    with pytest.raises(Refusal):
        ring.holder(bearer(SHOP))


def test_a_file_of_keys_that_has_become_unusable_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(keys, "_LOOK_AGAIN_SECONDS", 0.0)
    file = tmp_path / "keys"
    file.write_text(f"shop:{SHOP}")
    ring = KeyRing({}, file)
    for spoil in (
        lambda: file.write_text("shop:short-secret"),
        lambda: file.write_bytes(b"shop:\xff\xfe short-secret"),
        lambda: os.truncate(file, 0),
        file.unlink,
    ):
        spoil()
        with caplog.at_level(logging.ERROR):
            assert ring.holder(bearer(SHOP)) == "shop"
        assert "stay as they were" in caplog.text
    assert "short-secret" not in caplog.text
