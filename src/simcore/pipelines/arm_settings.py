"""The settings of clustering and selection that an arm has of its own."""

from simcore.parameters import ArmParameters, ClusteringParameters, SelectionParameters


def adapt_clustering(given: ClusteringParameters, arm: ArmParameters, *, n_target: int) -> ClusteringParameters:
    """Return the clustering with this arm's number of centroids."""
    if arm.n_clusters is None:
        return given
    return given.model_copy(update={"n_clusters": n_target if arm.n_clusters == "all" else arm.n_clusters})


def adapt_selection(given: SelectionParameters, arm: ArmParameters) -> SelectionParameters:
    """Return the selection with this arm's size or threshold; a share has no stop rule."""
    if arm.ratio is not None:
        return given.model_copy(update={"budget": arm.ratio, "tau": None})
    return given if arm.tau is None else given.model_copy(update={"tau": arm.tau})
