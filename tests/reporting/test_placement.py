import plotly.graph_objects as go

from simcore.reporting import Figure, Report, render_report
from simcore.reporting.placement import placement_section
from simcore.reporting.sections import compose_sections


def test_each_figure_has_a_caption_and_says_what_it_is() -> None:
    section = placement_section({name: go.Figure() for name in ("ring", "features", "similarity", "trace")})
    assert len(section.blocks) == 3
    for block in section.blocks:
        assert isinstance(block, Figure)
        assert block.alt.endswith(block.caption)
        assert block.alt != block.caption


def test_the_page_shows_the_figures_that_were_made_and_no_others() -> None:
    plain = Report(title="t", answer="a", command="c")
    assert "placement" not in [section.anchor for section in compose_sections(plain)]
    figures = {name: go.Figure() for name in ("size", "sources", "ring")}
    full = Report(title="t", answer="a", command="c", figures=figures)
    anchors = [section.anchor for section in compose_sections(full)]
    assert anchors[anchors.index("composition") + 1] == "placement"
    page = render_report(full)
    assert page.count('class="canvas"') == 3
    assert page.count('role="img" aria-label="') == 3
