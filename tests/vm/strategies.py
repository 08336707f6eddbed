"""Random plain values for hypothesis."""

from hypothesis import strategies as st

integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
small_numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.0, 1.0, -1.0]))
scalars = st.one_of(st.none(), st.booleans(), integers, small_numbers, floats, texts)
plain_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
