"""What readers see instead of the identifiers that records and frames carry."""

import math

from simcore.study.records import LABEL_FREE

NOT_EVALUATED = "not evaluated: no labels"

_ARMS = {
    "x": "X",
    "os": "OS",
    "x_os": "X + OS",
    "random": "X + random",
    "simcore_k1": "X + SimCore, k = 1",
    "simcore": "X + SimCore",
    "oracle": "X + oracle",
    "x_matched": "X, as many steps",
    "os_then_x": "OS, then X",
    "os_then_simcore": "OS, then X + SimCore",
    "simcore_repeated": "X + SimCore, selected again",
    "raw_pixels": "raw pixels",
    "pixels": "raw pixels",
    "random_network": "random network",
    "given": "given encoder",
}
_EVALUATIONS = {
    "linear": "linear probe",
    "knn": "kNN",
    "finetune": "fine-tuning",
    "labelled": "with labels",
    "semi_supervised": "semi-supervised",
    "openset_semi_supervised": "open-set semi-supervised",
    "webly": "webly supervised",
}
_METRICS = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "mean_per_class": "mean per-class accuracy",
}

_STOPS = {
    "threshold": "the round value fell below the threshold",
    "budget": "the budget was reached",
    "exhausted": "every image of the open-set was picked",
}


def stop_title(stopped_by: str) -> str:
    """Return how readers see why a selection stopped; other texts stay as they are.

    Example:
        >>> stop_title("budget")
        'the budget was reached'
    """
    return _STOPS.get(stopped_by, stopped_by)


def arm_title(arm: str) -> str:
    """Return how readers see `arm`.

    Example:
        >>> arm_title("simcore"), arm_title("simcore_byol"), arm_title("my_arm")
        ('X + SimCore', 'X + SimCore, byol', 'my arm')
    """
    for known in sorted(_ARMS, key=len, reverse=True):
        if arm == known or arm.startswith(f"{known}_"):
            rest = arm.removeprefix(known).replace("_", " ").strip()
            return f"{_ARMS[known]}, {rest}" if rest else _ARMS[known]
    return arm.replace("_", " ")


def evaluation_title(evaluation: str) -> str:
    """Return how readers see an evaluation.

    Example:
        >>> evaluation_title("webly"), evaluation_title("my_own")
        ('webly supervised', 'my own')
    """
    return _EVALUATIONS.get(evaluation, evaluation.replace("_", " "))


def measure_title(evaluation: str, metric: str, protocol: str) -> str:
    """Return one column heading for a metric of an evaluation under a protocol.

    Example:
        >>> measure_title("linear", "top1", "clean")
        'linear probe, top-1 accuracy (clean)'
        >>> measure_title("label_free", "effective_rank", "unit")
        'effective rank'
    """
    heading = _METRICS.get(metric, metric.replace("_", " "))
    if evaluation != LABEL_FREE:
        heading = f"{evaluation_title(evaluation)}, {heading}"
    elif protocol == "unit":
        # The one protocol there is without labels; the reader is told what is measured below the table.
        return heading
    return f"{heading} ({protocol})" if protocol else heading


def start_sentence(text: str) -> str:
    """Return `text` with a capital first letter, unless its first word is a name that starts small.

    Example:
        >>> start_sentence("linear probe"), start_sentence("kNN, top-1")
        ('Linear probe', 'kNN, top-1')
    """
    first = text.split(maxsplit=1)[0] if text else ""
    return text[:1].upper() + text[1:] if first == first.lower() else text


def count_seeds(n_seeds: int) -> str:
    """Return the number of seeds in words that agree.

    Example:
        >>> count_seeds(1), count_seeds(3)
        ('1 seed', '3 seeds')
    """
    return f"{n_seeds} seed" if n_seeds == 1 else f"{n_seeds} seeds"


def format_number(value: float, *, signed: bool = False, like: float | None = None) -> str:
    """Return `value` with as many digits as a reader can use: three decimals below 10, fewer above.

    Args:
        value: a finite number.
        signed: write + as well as −.
        like: take the number of decimals from this number: a spread is written like its mean.

    Example:
        >>> format_number(0.80123), format_number(23.456), format_number(-0.0171, signed=True)
        ('0.801', '23.5', '−0.017')
        >>> format_number(0.3371, like=26.2)
        '0.3'
    """
    size = abs(value if like is None else like)
    decimals = 3 if size < 10 else 1 if size < 100 else 0  # noqa: PLR2004 (these thresholds are the rule)
    # A small negative number would be written "-0.000".
    value = 0.0 if math.isclose(value, 0, abs_tol=0.5 * 10**-decimals) else value
    text = f"{value:+,.{decimals}f}" if signed and value else f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def format_percent(share: float) -> str:
    """Return a share as a percentage with one decimal.

    Example:
        >>> format_percent(0.25)
        '25.0 %'
    """
    return f"{100 * share:.1f} %"
