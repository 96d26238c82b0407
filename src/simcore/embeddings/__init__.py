"""Embeddings: their format on disk, the writer, the reader."""

from simcore.embeddings.shards import Embeddings, EmbeddingWriter, open_embeddings, write_embeddings

__all__ = ["EmbeddingWriter", "Embeddings", "open_embeddings", "write_embeddings"]
