"""Patterns: the same answers as Python's ``re`` where both know a pattern, in linear time always."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from wfe_vm.errors import ExpressionError
from wfe_vm.limits import MAX_PATTERN_INPUT, MAX_PATTERN_LENGTH, MAX_PATTERN_POSITIONS
from wfe_vm.pattern import Pattern, PatternError, compile_pattern

ATOMS = [
    "a", "b", "A", "_", "-", " ", "1", "ü", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[ab]", "[^a]", "[a-c1]",
    r"[\d-]", "[]a]", "[^]b-]", r"\.", r"\n", r"\x61", r"\u0062", "[a-]",
]  # fmt: skip
ASSERTIONS = ["^", r"\Z", r"\b", r"\B"]
QUANTIFIERS = ["*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}", "*?", "+?", "??", "{2}?"]


def combine(inner):
    group = st.one_of(inner.map(lambda text: f"({text})"), inner.map(lambda text: f"(?:{text})"))
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map(lambda text: f"({text})"),
        st.tuples(group, st.sampled_from(QUANTIFIERS)).map("".join),
        st.tuples(st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS)).map("".join),
        group,
    )


patterns = st.recursive(st.sampled_from([*ATOMS, *ASSERTIONS, ""]), combine, max_leaves=7)
subjects = st.text(st.sampled_from("aabbAB1_- ü\n."), max_size=9)


@settings(max_examples=examples(600))
@given(patterns, st.lists(subjects, min_size=1, max_size=4), st.sampled_from(["", "(?i)", "(?s)", "(?is)"]))
@example(r"(\b|a)*b\B", ["ab", "b1"], "")
@example(r"(^a|b)*\Z", ["ba", "aab"], "")
@example(r"((a|)*)*b", ["aaab"], "")
@example(r"(a?){3}\b", [""], "")
def test_a_search_answers_as_pythons_re_does(pattern, texts, flags):
    expected = re.compile(flags + pattern, re.ASCII)
    found = Pattern(flags + pattern)
    for text in texts:
        if text or r"\B" not in pattern:  # in an empty text, Python before 3.14 takes \B for false
            assert found.search(text) is bool(expected.search(text)), text


@pytest.mark.acceptance("EXP-11")
@pytest.mark.parametrize(
    "pattern", ["a*a*a*a*b", "(a|a)*b", "(a+)+$", "(a|aa)+$", "(.*)*x", "(x+x+)+y", r"^(\w+\s?)*$"]
)
def test_hostile_patterns_read_each_character_once(pattern):
    text = "a" * (MAX_PATTERN_INPUT - 1) + "!"
    compiled = Pattern(pattern)
    steps = 0
    step = compiled._move

    def counted(state, character):
        nonlocal steps
        steps += 1
        return step(state, character)

    compiled._move = counted
    assert compiled.search(text) is False
    # Whatever the pattern, only moves never met before cost more than a look into a dict.
    assert steps < 50


@pytest.mark.acceptance("EXP-11")
def test_a_pattern_with_more_states_than_are_kept_still_answers_right():
    pattern = Pattern("a(a|b){12}c")
    text = "".join(format(number, "013b").replace("0", "a").replace("1", "b") for number in range(1200))
    assert pattern.search(text) is False
    assert pattern.search(text + "a" + "b" * 12 + "c") is True
    assert pattern.search(text + "b" + "b" * 12 + "c") is False


@pytest.mark.acceptance("EXP-11")
@pytest.mark.parametrize(
    ("pattern", "offset", "said"),
    [
        (r"(a)\1", 3, "back-reference"),
        ("(?P=x)", 0, "back-reference"),
        ("a(?=b)", 1, "look-around"),
        ("a(?!b)", 1, "look-around"),
        ("(?<=a)b", 0, "look-around"),
        ("(?<!a)b", 0, "look-around"),
        ("a(b", 1, "without its"),
        ("ab)", 2, "without its"),
        ("a[bc", 1, "without its"),
        ("[]", 0, "without its"),
        ("*a", 0, "nothing before"),
        ("a|+", 2, "nothing before"),
        ("(?:{2})", 3, "nothing before"),
        ("a**", 2, "repetition of a repetition"),
        ("a{2}{3}", 4, "repetition of a repetition"),
        ("a*+", 2, "possessive"),
        ("a{,3}", 1, "begins a repetition"),
        ("a{x}", 1, "begins a repetition"),
        ("a{3,2}", 1, "ends before"),
        ("a{1,99999}", 1, "goes up to"),
        ("^*", 0, "can't be repeated"),
        (r"\b+", 0, "can't be repeated"),
        ("[b-a]", 1, "ends before"),
        (r"[a-\d]", 1, "one character"),
        ("[[:alpha:]]", 1, "not supported"),
        (r"[\b]", 1, "inside a class"),
        (r"\q", 0, "unknown escape"),
        (r"\p{L}", 0, "unknown escape"),
        (r"a\x4", 1, "hexadecimal"),
        ("a\\", 1, "lone"),
        ("(?x)a", 0, "not supported"),
        ("(?#c)", 0, "not supported"),
        ("(?i", 0, "not supported"),
        ("(?P<n", 0, "closed"),
        ("(" * 60 + ")" * 60, 50, "nested"),
        ("a{900}b{200}", 0, "too large"),
        ("((((a{50}){50}){50}){50})", 0, "too large"),
        ("a" * (MAX_PATTERN_LENGTH + 1), MAX_PATTERN_LENGTH, "limit"),
    ],
)
def test_what_is_no_pattern_is_refused_at_its_character(pattern, offset, said):
    with pytest.raises(PatternError, match=said) as caught:
        compile_pattern(pattern)
    assert caught.value.offset == offset


def test_named_groups_and_marks_of_the_ends_are_known():
    assert compile_pattern("(?P<year>[0-9]{4})-(?<month>[0-9]{2})").search("on 2024-05-01")
    assert compile_pattern(r"\Aab\z").search("ab")
    assert not compile_pattern("ab$").search("ab\n")
    assert compile_pattern("(?:^|,)b(?:,|$)").search("a,b,c")
    assert compile_pattern("").search("")


def test_letters_without_case_are_ascii_alone():
    assert compile_pattern("(?i)[a-c]X").search("Bx")
    assert not compile_pattern("(?i)ü").search("Ü")
    assert not compile_pattern(r"^\w$").search("ü")
    assert not compile_pattern(r"\d").search("\u0663")


def test_an_input_over_the_limit_is_refused():
    pattern = compile_pattern("b")
    assert pattern.search("a" * (MAX_PATTERN_INPUT - 1) + "b")
    with pytest.raises(ExpressionError) as caught:
        pattern.search("a" * (MAX_PATTERN_INPUT + 1))
    assert caught.value.code == "limit"


def test_repetitions_inside_one_another_do_not_make_compiling_slow():
    assert compile_pattern(f"(x?){{{MAX_PATTERN_POSITIONS // 2}}}y").search("xxy")
    with pytest.raises(PatternError, match="too large"):
        compile_pattern(r"((a?b?c?d?e?\b|\B|^|$){30}){8}")


def test_equal_patterns_are_compiled_once():
    assert compile_pattern("a+b") is compile_pattern("a+b")
