"""A store and views small enough to train on in seconds."""

import pytest

from simcore.training import pretrain
from tests.training.worlds import KilledError, NoisyViews, make_settings, make_simclr, make_store


@pytest.fixture
def store():
    return make_store()


@pytest.fixture
def views():
    return NoisyViews()


@pytest.fixture
def make_method():
    return make_simclr


@pytest.fixture
def settings():
    return make_settings()


@pytest.fixture
def run(make_method, store, views, settings, tmp_path):
    """Train; arguments of `pretrain` by their names, all others change the settings."""

    def run(method=None, *, workdir="work", seed=3, reporter=None, probe=None, renewal=None, views=views, **changes):
        return pretrain(
            method or make_method(),
            store,
            views=views,
            settings=type(settings).model_validate({**settings.model_dump(), **changes}),
            seed=seed,
            workdir=tmp_path / workdir,
            reporter=reporter,
            probe=probe,
            renewal=renewal,
        )

    return run


@pytest.fixture
def broken_run(run, make_method, monkeypatch):
    """Train until the forward pass `at` of this process, which does not happen."""

    def broken_run(at, **arguments):
        method = make_method()
        calls = iter(range(1, 10_000))
        forward = method.forward

        def breaking(views):
            if next(calls) == at:
                raise KilledError
            return forward(views)

        monkeypatch.setattr(method, "forward", breaking)
        with pytest.raises(KilledError):
            run(method, **arguments)

    return broken_run
