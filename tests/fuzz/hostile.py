"""Values as nobody means them, for columns, cards and parameters."""

from typing import Any

from hypothesis import strategies as st

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "../../etc/passwd",
    "/etc/passwd",
    "a\nb\r\nc",
    "\u202egnp.exe",
    "a\0b",
    "\ud800",
    "</script><script>alert(1)</script>",
    "{{ 7 * 7 }}${7*7}{% raw %}",
    "javascript:alert(1)",
    "<!--",
    "&lt;b&gt;",
    "%2e%2e/x",
    "CON.jpg",
    "\x1b[31mred\x07",
    "=cmd|' /C calc'!A0",
    "x" * 5000,
    "é" * 300,
)
"""Names of files, classes and arms as an attacker or an accident writes them."""

numbers = (
    st.integers()
    | st.sampled_from([2**31, 2**63, 2**64, -1, 10**40])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.booleans()
)
texts = st.sampled_from(NAMES) | st.text(max_size=20)
scalars: st.SearchStrategy[Any] = st.none() | numbers | texts
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)
cells: st.SearchStrategy[Any] = json_values | st.binary(max_size=8) | st.dates() | st.datetimes()
