"""Kedro dataset classes. Heavy libraries are imported when data are touched: the catalog is built at every start."""

from simcore.datasets.atomic import AtomicDataset
from simcore.datasets.centroids import CentroidsDataset
from simcore.datasets.embeddings import EmbeddingsDataset
from simcore.datasets.encoders import EncoderDataset, SeedEncodersDataset
from simcore.datasets.figures import FigureDataset, PageDataset, PictureDataset
from simcore.datasets.if_fresh import IfFreshDataset, IfFreshGroupDataset, IfFreshRecordsDataset
from simcore.datasets.made import RecordsIndexDataset
from simcore.datasets.records import RecordsDataset
from simcore.datasets.tables import TableDataset

__all__ = [
    "AtomicDataset",
    "CentroidsDataset",
    "EmbeddingsDataset",
    "EncoderDataset",
    "FigureDataset",
    "IfFreshDataset",
    "IfFreshGroupDataset",
    "IfFreshRecordsDataset",
    "PageDataset",
    "PictureDataset",
    "RecordsDataset",
    "RecordsIndexDataset",
    "SeedEncodersDataset",
    "TableDataset",
]
