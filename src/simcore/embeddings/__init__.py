"""Embeddings: their format on disk, the writer, the reader."""

from simcore.embeddings.extraction import extract
from simcore.embeddings.shards import Embeddings, EmbeddingWriter, open_embeddings, write_embeddings

__all__ = ["EmbeddingWriter", "Embeddings", "extract", "open_embeddings", "write_embeddings"]
