"""One word, one meaning; and no word about where this was written."""

import re
import tempfile
from pathlib import Path

from django.apps import apps

from tests.architecture import source

OURS = ("audit", "governance", "orchestrator")
# Names of package registries are spelled in parts, so that this file does not contain them.
REGISTRIES = ("pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org")
TEXT = {".py", ".md", ".toml", ".lock", ".html", ".css", ".js", ".yaml", ".yml", ".cedar", ""}


def test_every_model_has_its_word_in_the_glossary() -> None:
    glossary = (source.ROOT / "docs" / "glossary.md").read_text()
    words = set(re.findall(r"\*\*([^*]+)\*\*", glossary))
    names = {
        model.__name__
        for app in OURS
        for model in apps.get_app_config(app).get_models(include_auto_created=False)
    }
    assert sorted(names - words) == []


def test_nothing_mentions_the_place_where_it_was_written() -> None:
    places = {source.ROOT, source.ROOT.parent, Path.home()}
    general = {Path("/"), Path("/root"), Path("/home"), Path(tempfile.gettempdir())}
    forbidden = {f"{place}/" for place in places - general} | set(REGISTRIES)
    found = {
        f"{source.name(path)}: {word}"
        for path in source.tracked()
        if path.suffix in TEXT
        for word in forbidden
        if word in path.read_text(errors="ignore")
    }
    assert not found
