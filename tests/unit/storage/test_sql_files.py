from pathlib import Path

from datasync_spider.storage.sql import names, statement

STORAGE = Path(__file__).resolve().parents[3] / "datasync_spider" / "storage"


def test_every_named_statement_is_used_by_the_code() -> None:
    code = "".join(path.read_text() for path in STORAGE.rglob("*.py"))
    assert [name for name in sorted(names()) if f'"{name}"' not in code] == []


def test_a_statement_has_neither_comments_nor_a_closing_semicolon() -> None:
    for name in names():
        text = statement(name)
        assert text
        assert not text.endswith(";")
        assert not any(line.startswith("--") for line in text.splitlines())
