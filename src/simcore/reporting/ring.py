"""Directions on the map of features: densities on the unit ring and over the angle."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots
from scipy.special import i0e

from simcore.errors import InputError
from simcore.reporting.feature_map import SETS, FeatureMap
from simcore.reporting.figure_style import finish_figure, say_instead

_STEP = 4096  # points of which kernels are held at a time
_SHOWN = 1.5  # the ring and what its kernels spread to


@dataclass(frozen=True, eq=False)
class RingDensity:
    """Densities of directions in the plane.

    Attributes:
        grid: (g,) coordinates of the plane's grid, the same on both axes, 3.5 bandwidths beyond the ring.
        plane: (g, g) Gaussian kernel density at (row: second coordinate, column: first one); integrates to 1
            but for some 0.1 % beyond the grid.
        angles: (a,) radians in [−π, π), evenly spaced.
        around: (a,) density over the angle, per radian; integrates to 1.
    """

    grid: np.ndarray
    plane: np.ndarray
    angles: np.ndarray
    around: np.ndarray


def ring_directions(points: np.ndarray, *, centre: np.ndarray) -> np.ndarray:
    """Return the points as seen from `centre`, projected onto the unit circle, (n, 2).

    Raises:
        InputError: a point lies on the centre, or is not finite.

    Example:
        >>> ring_directions(np.array([[3.0, 1.0], [1.0, 5.0]]), centre=np.array([1.0, 1.0])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    away = np.asarray(points, dtype=np.float64) - centre
    lengths = np.hypot(away[:, 0], away[:, 1])
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise InputError(
            f"Point {bad[0]:,} lies on the centre of the map or is not finite, so it has no direction; leave it out."
        )
    return away / lengths[:, None]


def ring_density(directions: np.ndarray, *, n_grid: int = 72, n_angles: int = 360) -> RingDensity:
    """Return the densities of directions in the plane and over the angle.

    In the plane: round Gaussian kernels on the unit vectors, with Scott's bandwidth h = σ n^(−1/6), σ² the mean of the
    two variances; one step of the grid or more. `scipy.stats.gaussian_kde` is the same where the variances are equal;
    where they are not, its kernels are thinner than the grid and the picture breaks into dots. Over the angle: von
    Mises kernels of the same bandwidth, exp(κ cos(θ − θᵢ)) / (2π I₀(κ)) with κ = 1/h², to which −π and π are the same
    direction. The paper (appendix D) draws Gaussian kernel densities on the unit ring and does not give the bandwidth.

    Cost: n·(n_grid² + n_angles) multiplications; memory 4,096·n_angles.

    Args:
        directions: (n, 2) unit rows, at least one.
        n_grid: points of the grid along each axis, above 8.
        n_angles: angles.

    Raises:
        InputError: no direction.

    Example:
        >>> turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        >>> density = ring_density(np.stack([np.cos(turns), np.sin(turns)], axis=1))
        >>> round(float(density.around.sum() * 2 * np.pi / 360), 9)
        1.0
    """
    if len(directions) == 0:
        raise InputError("There is no direction; a density needs one or more.")
    deviation = float(np.sqrt(directions.var(axis=0, ddof=1).mean())) if len(directions) > 1 else 0.0
    # 2 / (n_grid − 8) is one step of the grid below, which reaches 3.5 bandwidths beyond the ring.
    bandwidth = max(deviation * len(directions) ** (-1 / 6), 2 / (n_grid - 8))
    grid = np.linspace(-1 - 3.5 * bandwidth, 1 + 3.5 * bandwidth, n_grid)
    angles = np.linspace(-np.pi, np.pi, n_angles, endpoint=False)
    concentration = 1 / bandwidth**2
    looked_at = np.stack([np.cos(angles), np.sin(angles)])
    plane, around = np.zeros((n_grid, n_grid)), np.zeros(n_angles)
    for start in range(0, len(directions), _STEP):
        part = directions[start : start + _STEP]
        across, up = (np.exp(-0.5 * ((part[:, [axis]] - grid) / bandwidth) ** 2) for axis in (0, 1))
        plane += up.T @ across
        # The exponential and I₀ overflow one by one; scaled by exp(−κ) neither does.
        around += np.exp(concentration * (part @ looked_at - 1)).sum(axis=0)
    plane /= len(directions) * 2 * np.pi * bandwidth**2
    around /= len(directions) * 2 * np.pi * i0e(concentration)
    return RingDensity(grid, plane, angles, around)


def ring_figure(features: FeatureMap) -> go.Figure:
    """Return densities on the unit ring: a panel a set, and below them all sets over the angle.

    Coordinates are centred on the mean of the target's, the same centre for all sets, and projected onto the unit
    circle. All panels share one scale of density.

    Args:
        features: what `map_features` returned.

    Raises:
        InputError: a point lies on the centre.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(30, 2))
        >>> figure = ring_figure(FeatureMap(points[:10], points[10:], points[10:20], "target", 3.0, 0))
        >>> [trace.type for trace in figure.data]
        ['heatmap', 'scatter', 'heatmap', 'scatter', 'heatmap', 'scatter']
    """
    if len(features.target) == 0:
        return say_instead("Densities on the ring: no target image was mapped.")
    centre = features.target.mean(axis=0)
    shown = [
        (ring_density(ring_directions(getattr(features, attribute), centre=centre)), title, colour, dash)
        for attribute, title, colour, _, dash in SETS
        if len(getattr(features, attribute))
    ]
    columns = len(shown)
    below: list[dict[str, int] | None] = [{"colspan": columns}, *[None] * (columns - 1)]
    figure = make_subplots(
        rows=2, cols=columns, specs=[[{}] * columns, below], row_heights=[0.45, 0.55], vertical_spacing=0.2,
        horizontal_spacing=0.04,
    )  # fmt: skip
    highest = max(float(density.plane.max()) for density, *_ in shown)
    for column, (density, title, colour, dash) in enumerate(shown, start=1):
        figure.add_trace(_plane_heatmap(density, title=title, colour=colour, highest=highest), row=1, col=column)
        axes = {"range": [-_SHOWN, _SHOWN], "showgrid": False, "tickvals": [-1, 0, 1], "row": 1, "col": column}
        place = "" if column == 1 else str(column)
        figure.update_xaxes(title=title, **axes)
        figure.update_yaxes(showticklabels=column == 1, scaleanchor=f"x{place}", **axes)
        figure.add_trace(
            go.Scatter(
                x=np.degrees(density.angles),
                y=density.around.round(5),
                mode="lines",
                name=title,
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{title}, %{{x:.0f}}°: %{{y:.3f}} per radian<extra></extra>",
            ),
            row=2,
            col=1,
        )
    figure.update_yaxes(title="unit ring (no unit)", row=1, col=1)
    figure.update_xaxes(title="angle (degrees)", range=[-180, 180], dtick=90, row=2, col=1)
    figure.update_yaxes(title="density (per radian)", rangemode="tozero", row=2, col=1)
    return finish_figure(figure, height=560, title="Directions on the unit ring", top=60)


def _plane_heatmap(density: RingDensity, *, title: str, colour: str, highest: float) -> go.Heatmap:
    red, green, blue = hex_to_rgb(colour)
    return go.Heatmap(
        x=density.grid.round(4),
        y=density.grid.round(4),
        z=density.plane.round(4),
        zmin=0,
        zmax=highest,
        name=title,
        colorscale=[[0, f"rgba({red}, {green}, {blue}, 0)"], [1, f"rgba({red}, {green}, {blue}, 1)"]],
        showscale=False,
        hovertemplate=f"{title}: %{{z:.3f}} per unit of area<extra></extra>",
    )
