"""Images: their kind by content, and the sources that they may have."""

import pytest

from evalgate.domain.images import MAX_IMAGE_BYTES, Image, find_media_type, find_source_fault, is_file, read_image

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


def test_an_image_has_a_digest_and_a_data_url() -> None:
    image = read_image(PNG)
    assert image == Image(media_type="image/png", data=PNG)
    assert image.url == "data:image/png;base64,iVBORw0KGgpwaXhlbHM=" and find_source_fault(image.url) is None
    assert image.digest != read_image(PNG + b"!").digest
    assert (is_file("a.png"), is_file("https://a.example/b.png"), is_file(image.url)) == (True, False, False)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg>", None),
        (b"", None),
    ],
)
def test_the_media_type_is_that_of_the_content(data: bytes, kind: str | None) -> None:
    assert find_media_type(data) == kind
    if kind is None:
        with pytest.raises(ValueError, match="not a PNG"):
            read_image(data)


def test_what_is_too_large_or_a_pointer_is_no_image() -> None:
    with pytest.raises(ValueError, match="an image may have"):
        read_image(PNG + bytes(MAX_IMAGE_BYTES))
    with pytest.raises(ValueError, match="git lfs pull"):
        read_image(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n")


@pytest.mark.parametrize(
    "source",
    ["a.png", "images/a b.png", "x/../a.png", "https://a.example/x?y=1", "data:image/png;base64,iVBORw0KGgpwaXhlbHM="],
)
def test_sources_that_an_image_may_have(source: str) -> None:
    assert find_source_fault(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "..", "../a.png", "x/../../a.png", "/etc/a.png", "C:\\a.png", "images\\a.png", "file:///a.png",
        "//a.example/x", "http://a.example/x", "https://", "https:///x", "ftp://a/b", "data:text/html;base64,aa",
        "data:image/png,xx", "data:image/png;base64,R0lGODlhAAAA", "data:image/png;base64,!",
    ],
)  # fmt: skip
def test_sources_that_no_image_may_have(source: str) -> None:
    assert find_source_fault(source) is not None
