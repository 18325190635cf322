from pathlib import Path

from infra.settings import Settings, default_text

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def row_of(name: str) -> str:
    field = Settings.model_fields[name]
    default = default_text(name)
    shown = f"`{default}`" if default else ""
    return f"| `MOCKX_{name.upper()}` | {shown} | {field.json_schema_extra['fits']} | {field.description} |"


def test_the_page_has_one_row_for_each_setting():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `MOCKX_")]
    assert rows == [row_of(name) for name in Settings.model_fields]
