import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.reporting.names import format_number


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_number_reads_back_within_its_digits(value) -> None:
    text = format_number(value, signed=True)
    read = float(text.replace("−", "-").replace(",", ""))
    assert read == pytest.approx(
        value, abs=0.5 if abs(value) >= 100 else 0.05 if abs(value) >= 10 else 0.0005, rel=1e-9
    )
    assert (text[0] in "+−") == (read != 0)


def test_zero_has_no_sign() -> None:
    assert format_number(-0.0001) == "0.000"
    assert format_number(0.0, signed=True) == "0.000"
