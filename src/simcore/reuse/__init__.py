"""Re-use of finished artefacts: what an artefact was made from, whether it still holds, and what to make again."""

from simcore.reuse.plan import Plan, Step, make_plan
from simcore.reuse.records import Record, read_record, write_record
from simcore.reuse.runner import ReuseRunner

__all__ = ["Plan", "Record", "ReuseRunner", "Step", "make_plan", "read_record", "write_record"]
