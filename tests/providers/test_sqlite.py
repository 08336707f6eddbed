import pytest

from tests.providers.contract import StoreContract
from wfe_runtime.providers.sqlite import SqliteStore


class TestSqlite(StoreContract):
    @pytest.fixture
    def make(self, tmp_path):
        return lambda: SqliteStore(f"sqlite:///{tmp_path}/store/wfe.db")
