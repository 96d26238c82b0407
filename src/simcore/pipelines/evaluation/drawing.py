"""The node that draws what was taken for what."""

import pandas as pd
import plotly.graph_objects as go

from simcore.reporting.confusion import confusion_figure


def draw_confusion(confusion: pd.DataFrame, arm: str) -> go.Figure:
    """Return the confusion matrix of an arm's leading evaluation, all seeds together."""
    return confusion_figure(confusion, arm=arm)
