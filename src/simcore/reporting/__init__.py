"""Reporting: comparison of arms, composition of the coreset, figures, galleries and one HTML page."""

from simcore.reporting.accuracy import accuracy_figure
from simcore.reporting.answer import state_answer
from simcore.reporting.comparison import compare_arms, pivot_comparison
from simcore.reporting.composition import Purity, coreset_purity, coreset_shares
from simcore.reporting.confusion import class_section, confusion_figure
from simcore.reporting.curves import curves_figure
from simcore.reporting.differences import compare_pairs, state_finding
from simcore.reporting.feature_map import FeatureMap, feature_figure, map_features
from simcore.reporting.figure_style import say_instead
from simcore.reporting.galleries import centroid_gallery, neighbour_gallery, rounds_gallery
from simcore.reporting.group_galleries import class_gallery, picks_gallery
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
from simcore.reporting.ring import RingDensity, ring_density, ring_figure
from simcore.reporting.shares import composition_figure, share_figure
from simcore.reporting.side_by_side import coresets_gallery, describe_overlap, stop_gallery
from simcore.reporting.similarity import nearest_similarity, similarity_figure
from simcore.reporting.study_section import study_section
from simcore.reporting.study_table import tabulate_study
from simcore.reporting.tiles import GalleryRow, Images, Tile, TileGroup, draw_gallery, encode_tile
from simcore.reporting.trace import size_figure, trace_figure

__all__ = [
    "Block",
    "DataFacts",
    "FeatureMap",
    "Figure",
    "Gallery",
    "GalleryRow",
    "Images",
    "Purity",
    "Report",
    "RingDensity",
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
    "class_gallery",
    "class_section",
    "compare_arms",
    "compare_pairs",
    "composition_figure",
    "confusion_figure",
    "coreset_purity",
    "coreset_shares",
    "coresets_gallery",
    "curves_figure",
    "describe_data",
    "describe_overlap",
    "draw_gallery",
    "draw_sentence",
    "encode_tile",
    "feature_figure",
    "map_features",
    "nearest_similarity",
    "neighbour_gallery",
    "pair_gallery",
    "picks_gallery",
    "pivot_comparison",
    "render_report",
    "ring_density",
    "ring_figure",
    "rounds_gallery",
    "say_instead",
    "share_figure",
    "similarity_figure",
    "size_figure",
    "state_answer",
    "state_finding",
    "stop_gallery",
    "study_section",
    "tabulate_study",
    "trace_figure",
]
