"""Small groups of processes, as `torchrun` would start them, without its start-up time."""

import multiprocessing
import os
import socket
import traceback

import torch

TIMEOUT = 240


def run_group(function, *args, size=2):
    """Return what `function(*args)` returns in each of `size` processes of one group; the function of a module.

    An exception in one of them is returned in its place.
    """
    # A server that has imported everything forks quickly, and has never used the threads that a fork breaks.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["simcore.training", "tests.training.worlds"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes, processes = [], []
    for rank in range(size):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_member, args=(writer, (rank, size, port), function, args))
        process.start()
        writer.close()
        pipes.append(reader)
        processes.append(process)
    try:
        return [_receive(reader, rank) for rank, reader in enumerate(pipes)]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _receive(reader, rank):
    if not reader.poll(TIMEOUT):
        return TimeoutError(f"process {rank} said nothing for {TIMEOUT} s")
    try:
        return reader.recv()
    except EOFError:
        return EOFError(f"process {rank} died")


def _member(pipe, place, function, args):
    rank, size, port = place
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(size),
        LOCAL_WORLD_SIZE=str(size),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    try:
        result = function(*args)
    except Exception as error:
        traceback.print_exc()
        result = error
    # Tensors as plain bytes: torch's own way of sending them needs this process to live on.
    pipe.send(_plain(result))


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(entry) for entry in value)
    return value.numpy() if isinstance(value, torch.Tensor) else value
