"""How tests start a Python of their own."""

WARNINGS_ARE_ERRORS = ("-W", "error", "-W", "ignore:Binding:DeprecationWarning")
"""Python 3.12.0 to 3.12.3 take the numbered parameters of SQLite for named ones, as in ``pyproject.toml``."""
