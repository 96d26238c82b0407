"""Reporting: comparison of arms, composition of the coreset, figures, galleries and one HTML page."""

from simcore.reporting.answer import state_answer
from simcore.reporting.comparison import compare_arms, pivot_comparison
from simcore.reporting.composition import Purity, coreset_purity, coreset_shares
from simcore.reporting.confusion import class_section, confusion_figure
from simcore.reporting.differences import paired_differences, state_finding
from simcore.reporting.figures import accuracy_figure, composition_figure, curves_figure, trace_figure
from simcore.reporting.galleries import centroid_gallery, neighbour_gallery, rounds_gallery
from simcore.reporting.html import render_report
from simcore.reporting.names import arm_title
from simcore.reporting.pairs import audit_section, choose_pairs, draw_sentence, pair_gallery
from simcore.reporting.report import (
    Block,
    DataFacts,
    Figure,
    Gallery,
    Report,
    Section,
    Selection,
    Table,
    describe_data,
)
from simcore.reporting.tiles import GalleryRow, Images, Tile, TileGroup, draw_gallery, encode_tile

__all__ = [
    "Block",
    "DataFacts",
    "Figure",
    "Gallery",
    "GalleryRow",
    "Images",
    "Purity",
    "Report",
    "Section",
    "Selection",
    "Table",
    "Tile",
    "TileGroup",
    "accuracy_figure",
    "arm_title",
    "audit_section",
    "centroid_gallery",
    "choose_pairs",
    "class_section",
    "compare_arms",
    "composition_figure",
    "confusion_figure",
    "coreset_purity",
    "coreset_shares",
    "curves_figure",
    "describe_data",
    "draw_gallery",
    "draw_sentence",
    "encode_tile",
    "neighbour_gallery",
    "pair_gallery",
    "paired_differences",
    "pivot_comparison",
    "render_report",
    "rounds_gallery",
    "state_answer",
    "state_finding",
    "trace_figure",
]
