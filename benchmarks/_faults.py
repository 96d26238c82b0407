"""The rows of docs/reliability.md: each fault with the tests that inject it. Results are not written here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        fault: What happens.
        injected: How a test makes it happen.
        expected: What is promised then.
        tests: Node ids of pytest, each for itself and all below it.
    """

    fault: str
    injected: str
    expected: str
    tests: tuple[str, ...]


_FAULTS = "tests/faults"
_JOB = "tests/journeys/test_main_job.py"

ROWS = (
    Row(
        "the whole job is killed",
        "`kedro run` and its workers get SIGKILL at 24 seeded moments, one in each of 24 equal parts of the job's "
        "duration; six in turn on each of four data roots; and while MLflow's database is made",
        "the same command ends with the same coreset, embeddings and metrics to the last bit as an undisturbed job; no "
        "temporary file is left; MLflow says KILLED of each try that had opened a run",
        (f"{_FAULTS}/test_killed.py", "tests/session/test_tracking_store.py"),
    ),
    Row(
        "a training or extraction is killed",
        "SIGKILL in the loop with a worker process alive, before a checkpoint gets its name, before and after a shard "
        "gets its name; a training process of two dies",
        "run again, it ends with the same bits; an earlier checkpoint is whole",
        (
            "tests/training/test_loop.py::test_a_killed_process_resumes_to_the_same_bits",
            "tests/training/test_checkpoints.py::test_a_kill_before_the_last_move_leaves_the_earlier_one_and_no_rest",
            "tests/training/test_launch.py::test_a_process_that_dies_ends_all_and_the_run_goes_on_exactly",
            "tests/embeddings/test_extraction.py::test_a_killed_process_is_resumed_to_the_same_bytes",
        ),
    ),
    Row(
        "Ctrl-C",
        "SIGINT to the process group, as a terminal sends it; in stages, an interrupt between batches",
        "one traceback or sentence, no process left, run again it goes on",
        (
            f"{_FAULTS}/test_interrupted.py",
            "tests/training/test_loop.py::test_ctrl_c_ends_the_workers",
            "tests/training/test_launch.py::test_ctrl_c_ends_all_processes",
            "tests/embeddings/test_shards.py::test_an_interrupted_extraction_resumes_at_the_first_missing_shard",
        ),
    ),
    Row(
        "disk full, each writer",
        "a tmpfs of 2 MiB in a private mount namespace; shards, manifest, tables, JSON, page, checkpoint, encoder, "
        "centroids and MLflow's database are written to it",
        "a sentence that names disk and file; nothing temporary is left",
        (f"{_FAULTS}/test_full_disk.py::test_every_writer_names_the_full_disk_and_leaves_nothing",),
    ),
    Row(
        "disk full during the job",
        "a tmpfs in a private mount namespace is filled to the last byte at five points of the job, from before the "
        "first node to the figures",
        "one sentence that names the disk; with space again the same command goes on, to the same result",
        (f"{_FAULTS}/test_full_disk.py::test_a_job_goes_on_once_there_is_space",),
    ),
    Row(
        "data root read-only",
        "the root is bind-mounted read-only in a private mount namespace, empty and finished",
        "one sentence that says so; nothing is changed",
        (f"{_FAULTS}/test_read_only.py",),
    ),
    Row(
        "bits of an artefact flipped",
        "one bit at a random place of a random file, 40 times for each of seven kinds of artefacts (shards: keys, "
        "values and footer alike), and in a shard of a finished root",
        "loading names the file; `status` finds it with `status.digests=true`; artefacts above 1 GiB only there",
        (
            f"{_FAULTS}/test_damage.py::test_a_flipped_bit_anywhere_is_found_when_the_artefact_is_loaded",
            f"{_FAULTS}/test_damage.py::test_large_artefacts_are_compared_by_their_bytes_only_where_that_is_asked",
            f"{_FAULTS}/test_damage.py::test_status_and_the_next_run_see_a_damaged_shard",
        ),
    ),
    Row(
        "files of an artefact truncated or missing",
        "each file of seven kinds cut to nothing, to half, by one byte, and removed; of a finished root a shard cut, "
        "the last shard and the encoder removed",
        "loading names the file; a run that may make it makes it again, and nothing that still holds",
        (
            f"{_FAULTS}/test_damage.py::test_a_truncated_file_is_named",
            f"{_FAULTS}/test_damage.py::test_a_missing_file_is_named",
            f"{_FAULTS}/test_damage.py::test_a_run_makes_again_what_is_not_whole",
        ),
    ),
    Row(
        "a training state damaged",
        "the newest checkpoint of a run loses bytes; one bit of it is flipped, 40 times (PyTorch itself loads all of "
        "these)",
        "the one before it is used, and the log says so; never a wrong number",
        (
            "tests/training/test_loop.py::test_a_damaged_newest_checkpoint_falls_back",
            "tests/training/test_checkpoints.py::test_a_flipped_bit_is_never_loaded",
        ),
    ),
    Row(
        "a version half written",
        "by hand, with a later name: a folder alone, an empty file, a temporary name, an artefact without its list "
        "of content, a record without artefact",
        "never the version in use; `prune` lists it and never removes the one in use",
        (
            f"{_FAULTS}/test_half_made.py::test_half_a_version_is_not_the_latest",
            f"{_FAULTS}/test_half_made.py::test_a_run_passes_half_made_versions_by",
            "tests/datasets/test_atomic.py::test_failed_save_leaves_the_previous_version_the_latest",
            "tests/datasets/test_atomic.py::test_killed_save_leaves_no_version",
            "tests/reuse/test_twins.py::test_what_is_not_whole_is_not_taken_over",
        ),
    ),
    Row(
        "the clock goes backwards",
        "Kedro's time stamp and the process's clock are set back by twenty years",
        "what is made then is the newest version and is re-used; no negative duration",
        (f"{_FAULTS}/test_half_made.py::test_a_clock_that_goes_backwards_changes_nothing",),
    ),
    Row(
        "two different runs on one root",
        "a second `kedro run` with other settings while the first is at work; locks held by other processes",
        "refused with process and machine of the holder; the first ends as if alone",
        (
            f"{_FAULTS}/test_two_runs.py",
            "tests/reuse/test_locking.py",
            "tests/pipelines/test_housekeeping.py::test_a_second_run_on_a_root_is_refused_and_changes_nothing",
        ),
    ),
    Row(
        "settings or data change between runs",
        "tau, seeds and images are changed after a finished job; a stage is broken and resumed",
        "what rests on the change is made again and nothing else; `status` names what is stale, and why",
        (
            f"{_JOB}::test_changed_tau_remakes_selection_and_what_follows",
            f"{_JOB}::test_changed_data_remake_everything_that_rests_on_them",
            f"{_JOB}::test_chain_broken_at_any_stage_resumes_with_the_printed_command",
            f"{_JOB}::test_second_run_makes_nothing_and_leaves_no_row_in_mlflow",
            "tests/pipelines/test_housekeeping.py::test_status_says_what_is_fresh_stale_and_missing",
            f"{_FAULTS}/test_interrupted.py::test_only_missing_outputs_does_not_leave_what_is_stale",
        ),
    ),
    Row(
        "the source goes away while it is read",
        "its folder is moved away while images are checked (early, and with fewer left than `max_rejected` allows) and "
        "while they are embedded",
        "an error that names it; once it is back the same call goes on, and no image counts as missing",
        (
            f"{_FAULTS}/test_gone.py",
            "tests/embeddings/test_extraction.py::test_an_image_that_went_bad_after_ingestion_is_named",
        ),
    ),
    Row(
        "links in the source lead in circles, or nowhere",
        "symbolic links to folders above, to each other, and to nothing",
        "every image once; dead links are rejected with the reason",
        (
            "tests/images/test_tree.py::test_links_are_followed_but_never_in_circles",
            "tests/images/test_tree.py::test_links_that_go_round_in_circles_lead_nowhere",
            "tests/images/test_tree.py::test_hidden_entries_are_left_out_and_dead_links_are_not",
        ),
    ),
    Row(
        "a Ray worker or node is killed",
        "SIGKILL to a worker twice in one extraction and once in a scan; one of two worker nodes of a local cluster "
        "removed without grace, in each; the command itself killed while its cluster embeds",
        "others make the parts again; shards, coreset and trace of a local run; no process of the cluster is left",
        ("tests/cluster/test_killing.py",),
    ),
    Row(
        "a machine of the cluster sees other data",
        "it does not see the data root, lacks a shard, has a shard with other rows, or an image was overwritten",
        "one sentence with machine and folder, or that of a local run; finished shards stay",
        (
            "tests/cluster/test_embedding.py::test_a_machine_without_the_folder_says_so",
            "tests/cluster/test_selecting.py::test_a_machine_without_the_folder_says_so",
            "tests/cluster/test_selecting.py::test_a_machine_with_other_shards_says_so",
            "tests/cluster/test_embedding.py::test_a_bad_image_is_named_and_the_rest_is_kept",
            "tests/cluster/test_ray.py::test_an_error_of_a_worker_is_one_sentence",
        ),
    ),
    Row(
        "a file with changed bytes",
        "1 to 4 changes at seeded places, half of them near the end, of whole files of 38 kinds (shards, tables, "
        "cards, weights, checkpoints, tars, lists, YAML, pictures); read in a process of its own, with limits",
        "the process lives; an error of the project in one line that names the file, or a result that keeps its "
        "contract",
        ("tests/fuzz/test_files.py",),
    ),
    Row(
        "tables of other schemas, headers that lie",
        "manifests with any value in any cell; shards of other types with a false `dim`; every field of a card, "
        "certificate and record replaced; safetensors headers with false offsets",
        "an error of the project, or a result that keeps its contract",
        ("tests/fuzz/test_tables.py",),
    ),
    Row(
        "hostile texts",
        "sources, parameters, names of arms, YAML with a billion aliases, 100,000 brackets or double keys",
        "one sentence, before anything is built",
        ("tests/fuzz/test_texts.py", "tests/security/test_command_line.py"),
    ),
    Row(
        "pictures that lie or unfold",
        "giant headers, 90 million pixels in 90 kB, texts that unfold, polyglots, formats that act",
        "refused by the header; no program outside is asked",
        ("tests/fuzz/test_pictures.py",),
    ),
    Row(
        "names that lead out of a folder or act on a page",
        "33 keys exported, members and links of tars, lists, links, pipes and devices; 20 names on report, gallery, "
        "MLflow",
        "nothing outside is read or written; the page has the elements that it has with a harmless name",
        ("tests/security/test_paths.py", "tests/security/test_pages.py"),
    ),
)
