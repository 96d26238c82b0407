"""Embeddings: their format on disk, the writer, the reader.

`simcore.embeddings.extraction.extract` makes them from images; it is not imported here, so that selection alone does
not wait for the networks' libraries.
"""

from simcore.embeddings.reader import Embeddings, open_embeddings
from simcore.embeddings.writer import EmbeddingWriter, write_embeddings

__all__ = ["EmbeddingWriter", "Embeddings", "open_embeddings", "write_embeddings"]
