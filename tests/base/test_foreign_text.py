"""What strangers may write where the site speaks in its own voice."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tlbench.base import foreign_text

PROVIDERS = [
    "tlbench-mine",
    "tlbench-mine 1.0; rm -rf ~",
    "tlbench-mine 1.0 --index-url=https://example.org",
    "tlbench-mine 1.0 evil",
    "tlbench-mine >=1.0",
    "tlbench-mine 1.0.*",
    "tlbench-mine @ git+https://example.org/x",
    "--index-url=https://example.org 1.0",
    "-rrequirements.txt 1.0",
    "../folder 1.0",
    ".hidden 1.0",
    "trailing- 1.0",
    "tlbench-mine 1.0\u202e",
    "mine[extra] 1.0",
    "tlbench-mine v1",
    "tlbench-mine 1.0\n",
    "tlbench-mine ",
    " 1.0",
    "$(id) 1.0",
    "",
    f"mine {'1' * 300}",
]
VERSIONS = [
    "2; rm -rf ~", "1.0 --index-url=x", "the best version", "1.0\u202e", "1.0\n", "", "latest",
    "1." * 5000 + "1", "1.0+" + "a" * 100, "٣.٤",
]  # fmt: skip
ADDRESSES = [
    "http://example.org/",
    "javascript:alert(1)",
    "https://user@example.org/",
    "https://tlbench.org@evil.example/",
    "https://tlbench.org:443@evil.example/",
    "https://tlbench.org%40evil.example/",
    "https://example.org:8443/",
    "https://example.org:/",
    "https://tlbеnch.org/",
    "https://bücher.example/",
    "https://example.org／evil.example/",
    "https://example。org/",
    "https://example.org\\evil.example/",
    "https://example.org/\u202egnp.evil",
    "https://example.org/\u200b",
    "https://example.org/ onclick=alert(1)",
    "https://example.org/' onclick='alert(1)",
    'https://example.org/"',
    "https://example.org/<b>",
    "https://example.org/\n",
    "https://exa\tmple.org/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://localhost/",
    "https://-example.org/",
    "https://example..org/",
    "https:///example.org/",
    "https://example.org./",
    "https://example.org/" + "a" * 500,
    "https://",
]


def takes(kind: str, text: str) -> bool:
    try:
        return TypeAdapter(getattr(foreign_text, kind)).validate_python(text) == text
    except ValidationError:
        return False


@pytest.mark.parametrize("text", PROVIDERS)
def test_what_is_no_package_with_a_version_is_refused(text: str):
    assert not takes("Provider", text)


@pytest.mark.parametrize("kind", ["Version", "OwnVersion", "PythonVersion"])
@pytest.mark.parametrize("text", VERSIONS)
def test_what_is_no_version_is_refused(kind: str, text: str):
    assert not takes(kind, text)


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_that_are_not_what_they_seem_are_refused(text: str):
    assert not takes("Address", text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("Version", v) for v in ("0.3.1", "1!2.0", "1.0a1", "1.0.post1.dev2", "2.1+cu121.x")),
        *(("OwnVersion", v) for v in ("0.1.0", "0.4.0.dev2+g1a2b3c4", "0.4.0+g1a2b3c4.d20261128")),
        *(("PythonVersion", v) for v in ("3.11.7", "3.14.0rc1", "3.14.0a1+")),
        *(("Provider", p) for p in ("tlbench-my-network 0.3.1", "My_Network.x 2.1+cu121")),
        *(("PartName", n) for n in ("dimenetpp", "my-net", "ewc+random")),
        ("Moment", "2026-11-23T12:27:06+00:00"),
        ("Address", "https://example.org/?a=1&b=2"),
        ("Address", "https://doi.org/10.1021/acs.jcim.5c00000#section-2"),
        ("Address", "https://medium.com/@somebody/post"),
        ("Address", "https://xn--bcher-kva.example/%E2%82%AC"),
        ("Address", "https://github.com"),
    ],
)
def test_what_is_honest_is_taken(kind: str, text: str):
    assert takes(kind, text)


def test_the_version_of_tlbench_holds_no_words():
    assert takes("Version", "0.1.0+this.board.is.closed")
    assert not takes("OwnVersion", "0.1.0+this.board.is.closed")


@pytest.mark.parametrize("text", ["yesterday", "2026-11-23", "2026-11-23T12:27:06+00:00 by me", ""])
def test_a_moment_holds_no_words(text: str):
    assert not takes("Moment", text)
