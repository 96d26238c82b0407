import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.images.uris import Location, locate, member_uri, packed_uri, split_packed_uri

PATHS = st.one_of(
    st.text(min_size=1),
    st.sampled_from(["/data/a.parquet", "memory://a b/c#d.tar", "zip://a.tar::s3://pool/b.zip", "/x#row=3"]),
)


@given(PATHS, st.integers(0, 10**12))
@settings(deadline=None)
def test_packed_uris_come_apart_again(path: str, row: int) -> None:
    assert split_packed_uri(packed_uri(path, row)) == (path, row)
    assert locate(packed_uri(path, row)) == Location(path, row=row)


@given(PATHS, st.integers(0, 10**12), st.integers(0, 10**12))
@settings(deadline=None)
def test_members_come_apart_again(path: str, start: int, size: int) -> None:
    assert locate(member_uri(path, start, size)) == Location(path, span=(start, size))
    assert split_packed_uri(member_uri(path, start, size)) is None


@pytest.mark.parametrize(
    "uri",
    ["/a#b.png", "/a.parquet#row=", "/a.parquet#row=-1", "/a.tar#bytes=5", "/a.tar#bytes=5+", "#row=1", "/a#row=1.png"],
)
def test_other_marks_belong_to_the_path(uri: str) -> None:
    location = locate(uri)
    assert (location.path, location.whole) == (uri, True)


def test_what_is_remote() -> None:
    for uri, remote in (
        ("/data/a.png", False),
        ("file:///data/a.png", True),
        ("memory://a.tar#bytes=1+2", True),
        ("simplecache::s3://pool/a.parquet#row=1", True),
        ("/data/s3://odd/a.png", False),
    ):
        assert locate(uri).remote == remote
