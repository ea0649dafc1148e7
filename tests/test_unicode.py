import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from dedup import unicode

TABLES = unicode.load()
EVERY = "".join(map(chr, range(0x110000)))


def entries(flag):
    return set(np.nonzero(TABLES.packed & np.uint32(flag))[0].tolist())


def matching(pattern):
    return {match.start() for match in regex.finditer(pattern, EVERY, regex.V1)}


def folded(code_point):
    entry = int(TABLES.packed[code_point])
    if entry & unicode.EXPANDS:
        row = entry & unicode.FOLD_MASK
        low, high = TABLES.expansion_offsets[row : row + 2]
        return "".join(map(chr, TABLES.expansions[low:high]))
    return chr(entry & unicode.FOLD_MASK)


def test_the_tables_fold_every_code_point_as_the_function_does():
    wrong = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and folded(c) != unicode.fold(chr(c))]
    assert wrong == []


def test_folding_is_final():
    assert [c for c in set(map(int, TABLES.expansions)) if folded(c) != chr(c)] == []


def test_ignorable_characters_fold_to_nothing():
    assert {c for c in entries(unicode.IGNORABLE) if folded(c)} == set()


def test_words_are_what_regex_calls_words_after_folding():
    single = {c for c in range(0x110000) if not TABLES.packed[c] & np.uint32(unicode.EXPANDS)}
    words = entries(unicode.WORD)
    expected = {c for c in single if regex.match(r"\w", folded(c))}
    assert words & single == expected


def test_no_terminator_folds_to_words():
    kinds = (TABLES.packed >> np.uint32(unicode.CLASS_SHIFT)) & np.uint32(unicode.CLASS_MASK)
    terminators = np.nonzero(np.isin(kinds, [unicode.STOP, unicode.HARD, unicode.WIDE_STOP]))[0].tolist()
    assert [c for c in terminators if regex.search(r"\w", folded(c))] == []


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        (unicode.NEWLINES, unicode.NEWLINE),
        (".", unicode.STOP),
        ("!?…؟।", unicode.HARD),
        ("。！？", unicode.WIDE_STOP),
        ("„“”«»'\"", unicode.QUOTE),
        (")]」", unicode.CLOSE),
        ("([「¿¡", unicode.OPEN),
        ("-–—", unicode.DASH),
        (" \t\u00a0\u200b\u3000", unicode.SPACE),
        ("09٣²５", unicode.DIGIT),
        ("AÄЖ", unicode.UPPER),
        ("aßж", unicode.LOWER),
        ("你か한ก", unicode.CASELESS),
    ],
)
def test_classes(characters, kind):
    found = {c: int(TABLES.packed[ord(c)]) >> unicode.CLASS_SHIFT & unicode.CLASS_MASK for c in characters}
    assert found == dict.fromkeys(characters, kind)


def test_combining_classes_are_those_of_unicodedata():
    assert [c for c in range(0x30000) if TABLES.ordered[c] != unicodedata.combining(chr(c))] == []


@given(st.text())
def test_composed_and_decomposed_text_fold_alike(text):
    assert unicode.fold(unicodedata.normalize("NFC", text)) == unicode.fold(unicodedata.normalize("NFD", text))


@given(st.text(st.sampled_from("\u0301\u0323\u0345\u0344\u034f\u0f73\u0591\u20dd\u3099"), max_size=80))
def test_long_runs_of_marks_are_put_in_order_as_normalize_does_it(marks):
    assert unicode.in_order(marks) == unicodedata.normalize("NFKD", marks)
    assert unicode.fold("a" + marks) == unicode.fold(unicodedata.normalize("NFKD", "a" + marks))
