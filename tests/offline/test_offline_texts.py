"""What is read from files, how it is cut into passages, and how these are ranked."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from shim.offline import ranking
from shim.offline.extraction import is_supported, text_of_file


def pdf(*pages, compress=False):
    """A small PDF with a content stream for each page."""
    parts = [b"%PDF-1.4\n"]
    for number, page in enumerate(pages, 1):
        body = zlib.compress(page) if compress else page
        extra = b" /Filter /FlateDecode" if compress else b""
        head = b"%d 0 obj\n<< /Length %d%s >>\nstream\n" % (number, len(body), extra)
        parts.append(head + body + b"\nendstream\nendobj\n")
    return b"".join(parts) + b"trailer\n<< >>\n%%EOF"


@pytest.mark.parametrize("compress", [False, True])
def test_text_of_pdfs(compress):
    """Literal and hexadecimal strings, arrays with gaps, lines and escapes are read."""
    content = pdf(
        b"BT /F1 12 Tf 72 700 Td (Whales \\(big ones\\)) Tj 0 -14 Td (eat\\040krill.) Tj ET",
        b"BT [(Wo) -20 (rds) -300 (apart)] TJ T* <48656C6C6F> Tj (caf\\351) ' ET",
        b"q 1 0 0 1 0 0 cm Q",
        compress=compress,
    )

    assert text_of_file("a.PDF", content) == (
        "Whales (big ones)\neat krill.\nWords apart\nHello\ncafé"
    )


def test_a_pdf_that_cannot_be_read_has_no_text():
    """Broken streams are passed over."""
    broken = b"<< /Filter /FlateDecode >>\nstream\nnonsense\nendstream"

    assert text_of_file("a.pdf", broken) == ""


def test_text_of_pages():
    """HTML gives what a reader sees, not scripts and styles."""
    page = (
        b"<html><head><title>Cats</title><style>p {}</style><script>var a</script></head>"
        b"<body><p>Cats &amp; dogs</p><p>Birds</p></body></html>"
    )

    assert text_of_file("a.html", page) == "Cats\nCats & dogs\nBirds"


def test_text_of_office_files():
    """The paragraphs of a word file are its lines; no archive has no text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "word/document.xml", "<w:p><w:t>First</w:t></w:p><w:p><w:t>Second</w:t></w:p>"
        )

    assert text_of_file("a.docx", buffer.getvalue()) == "First\nSecond"
    assert text_of_file("a.docx", b"no archive") == ""


@pytest.mark.parametrize(
    ("name", "supported"),
    [("a.txt", True), ("a.MD", True), ("a.json", True), ("a.csv", False), ("a", False)],
)
def test_supported_files(name, supported):
    """Text, markup, code and documents can be searched; tables cannot."""
    assert is_supported(name) is supported


def test_passages_overlap():
    """Passages have a size in tokens, and each begins with the end of the one before."""
    text = " ".join(str(n) for n in range(25))

    passages = [each.text for each in ranking.chunks(text, 10, 4)]

    assert [p.split()[0] for p in passages] == ["0", "6", "12", "18"]
    assert passages[0].split()[-4:] == passages[1].split()[:4]
    assert passages[-1].split()[-1] == "24"
    assert [each.text for each in ranking.chunks("short", 800, 400)] == ["short"]
    assert ranking.chunks("  \n ", 800, 400) == []


def test_rare_words_count_more():
    """A word that few passages have weighs more than one that all have."""
    texts = ["report about whales", "report about cats", "report about dogs"]
    passages = [ranking.chunks(text, 800, 400)[0] for text in texts]

    scores = ranking.rank(["a report on whales"], passages)

    assert scores[0] > scores[1] == scores[2] > 0
    assert all(0 <= score <= 1 for score in scores)
    assert ranking.rank(["the"], passages) == [0.0, 0.0, 0.0]


def test_forms_of_words_are_one():
    """Plurals and possessives count as the word itself, whatever the apostrophe."""
    assert ranking.words("Travis's cats, the cat\u2019s foods") == ["travi", "cat", "cat", "food"]
    assert ranking.words("Travis") == ["travi"]


def test_the_sentence_that_answers():
    """Of a passage the sentence is taken that has most of the question's words."""
    passage = "Cats sleep. Whales eat krill!\nDogs bark"

    assert ranking.sentence("What do whales eat?", passage) == "Whales eat krill!"
    assert ranking.sentence("violins", "") == ""
