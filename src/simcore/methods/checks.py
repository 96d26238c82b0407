"""Early refusal of settings that no method can use."""

from typing import Any

from simcore.errors import InputError


def check_setting(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Refuse the setting `name` unless `holds`.

    Args:
        holds: Whether `value` can be used; a comparison that NaN fails.
        name: The setting.
        value: What was given.
        allowed: End of the sentence "it must be ...".

    Raises:
        InputError: If not.

    Example:
        >>> check_setting(0.2 > 0, "temperature", 0.2, "above 0")
    """
    if not holds:
        raise InputError(f"`{name}` is {value}; it must be {allowed}.")


def check_sizes(**sizes: int) -> None:
    """Refuse widths and counts, given by the name of their setting, that are below 1.

    Raises:
        InputError: If one is.

    Example:
        >>> check_sizes(hidden_dim=4096, projection_dim=256)
    """
    for name, size in sizes.items():
        check_setting(size >= 1, name, size, "at least 1")


def check_counts(**counts: int) -> None:
    """Refuse counts, given by the name of their setting, that are negative.

    Raises:
        InputError: If one is.

    Example:
        >>> check_counts(local_views=0)
    """
    for name, count in counts.items():
        check_setting(count >= 0, name, count, "0 or more")


def check_temperatures(**temperatures: float) -> None:
    """Refuse temperatures, given by the name of their setting, that are not positive.

    Raises:
        InputError: If one is not.

    Example:
        >>> check_temperatures(student_temperature=0.1, teacher_temperature=0.04)
    """
    for name, temperature in temperatures.items():
        check_setting(temperature > 0, name, temperature, "above 0: similarities are divided by it")
