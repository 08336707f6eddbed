import pytest

# The conformance suite is no test module by its name, and its assertions should explain themselves too.
pytest.register_assert_rewrite("tests.providers.contract")
