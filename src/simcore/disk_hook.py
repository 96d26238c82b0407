"""The hook that looks whether a run will fit on its disk, before any work that takes long."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from simcore.disk import Need, begun_bytes, check_room, folder_bytes
from simcore.files import same_disk
from simcore.hooks import raw_parameters
from simcore.parameters import ParameterTree, check_parameters
from simcore.reuse import Step
from simcore.workspace import work_folder

LOGGER = logging.getLogger(__name__)

FindNeeds = Callable[[Pipeline, CatalogProtocol, ParameterTree], Sequence[Need]]


class DiskHook:
    """Compares what the nodes that are to run will write with the space there is, as soon as it is known.

    That is before the first node where the manifests are there already; else before the first node after them that
    writes much.

    Args:
        find_needs: Returns what nodes will write, as far as it can be known from what is stored.
        writes_much: Returns whether a node does.
    """

    def __init__(self, find_needs: FindNeeds, writes_much: Callable[[Node], bool]) -> None:
        self._find_needs, self._writes_much = find_needs, writes_much
        self._tree: ParameterTree | None = None
        self._left = Pipeline([])
        self._fingerprints: dict[str, str] = {}
        self._told: str | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember where the run writes, and what to do where that is too small."""
        self._tree = check_parameters(raw_parameters(context))
        self._left, self._fingerprints, self._told = Pipeline([]), {}, None

    @hook_impl
    def after_plan_made(self, stale: Pipeline, catalog: CatalogProtocol, steps: Sequence[Step]) -> None:
        """Check what can be known before anything runs; called by `simcore.reuse.ReuseRunner`."""
        self._left = stale
        self._fingerprints = {step.node: step.fingerprint for step in steps}
        self._check(catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: CatalogProtocol) -> None:
        """Check again before what takes long: manifests may be new, and others write to the same disk."""
        if self._writes_much(node):
            self._check(catalog)
        self._left = Pipeline([other for other in self._left.nodes if other.name != node.name])

    def _check(self, catalog: CatalogProtocol) -> None:
        tree = self._tree
        if tree is None or tree.plan.disk == "ignore":
            return
        needs = self._find_needs(self._left, catalog, tree)
        root, work = Path(tree.prune.root), Path(tree.runtime.work_dir)
        begun = begun_bytes(needs, self._there(work, {need.node for need in needs}))
        one = same_disk(root, work)
        for folder, parts in (
            (work, needs),
            # Embeddings are linked from the work folder into their place; on another disk they lie there as well.
            *(() if one else ((root, [need for need in needs if need.lasting]),)),
        ):
            warning = check_room(
                parts,
                folder=root if one else folder,
                begun=begun if folder == work else 0,
                margin=tree.plan.disk_margin,
                stop=tree.plan.disk == "stop",
            )
            if warning is not None and warning != self._told:
                LOGGER.warning("%s", warning)
                self._told = warning

    def _there(self, work: Path, nodes: set[str]) -> dict[str, int]:
        """Return the bytes that `nodes` will go on from; what other recipes have left there is of no use to them."""
        return {
            node: folder_bytes(work_folder(work, node, fingerprint))
            for node, fingerprint in self._fingerprints.items()
            if node in nodes
        }
