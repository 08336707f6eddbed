import importlib.metadata

import pytest

from wfe_runtime import providers
from wfe_runtime.errors import StoreError
from wfe_runtime.providers import open_store
from wfe_runtime.providers.memory import MemoryStore
from wfe_runtime.providers.sqlite import SqliteStore


def test_the_scheme_chooses_the_provider(tmp_path):
    assert isinstance(open_store("memory:"), MemoryStore)
    assert isinstance(open_store(f"SQLite:///{tmp_path}/x.db"), SqliteStore)
    assert open_store("memory:").url == "memory:"


@pytest.mark.parametrize(
    ("url", "near"), [("sqllite:///x.db", "sqlite:"), ("memmory:", "memory:"), ("sqlite3:///x.db", "sqlite:")]
)
def test_a_misspelt_scheme_is_refused_with_the_near_one_and_no_other_store_is_given(url, near):
    with pytest.raises(StoreError, match=f"did you mean {near}") as caught:
        open_store(url)
    assert caught.value.code == "url"


@pytest.mark.parametrize("url", ["", "runs.db", "./folder/runs.db", "gopher://x"])
def test_what_is_no_store_is_refused_with_an_example(url):
    with pytest.raises(StoreError, match=r"sqlite:///runs\.db") as caught:
        open_store(url)
    assert caught.value.code == "url"


def test_an_installed_provider_serves_its_scheme_and_one_that_lacks_something_says_so(monkeypatch):
    points = [
        importlib.metadata.EntryPoint("mine", "wfe_runtime.providers.memory:MemoryStore", "wfe.providers"),
        importlib.metadata.EntryPoint("broken", "no_such_module_here:open", "wfe.providers"),
        importlib.metadata.EntryPoint("memory", "no_such_module_here:open", "wfe.providers"),
    ]
    monkeypatch.setattr(providers, "_installed", lambda: {point.name: point for point in points})
    assert open_store("mine:anything").url == "mine:anything"
    with pytest.raises(StoreError, match="no_such_module_here"):
        open_store("broken:x")
    assert isinstance(open_store("memory:"), MemoryStore), "what is built in can't be replaced"
