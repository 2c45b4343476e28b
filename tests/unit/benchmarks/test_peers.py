import base64
import io
import json

import pytest
from PIL import Image

from benchmarks.peers import OURS, PEERS
from benchmarks.plan import DEFAULT
from benchmarks.workloads import LARGE, MANY, SMALL, WORKLOADS, large_jpeg

BY_NAME = {peer.name: peer for peer in PEERS}


def test_the_whole_default_run_fits_into_a_quarter_of_an_hour():
    assert DEFAULT.estimated_seconds() <= 15 * 60


def test_every_round_begins_with_another_peer_and_the_first_with_ours():
    orders = [[peer.name for peer in DEFAULT.order(number)] for number in range(DEFAULT.rounds)]
    assert orders[0][0] == OURS
    assert len({order[0] for order in orders}) == DEFAULT.rounds
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(BY_NAME))}


def test_a_bare_server_gets_small_pictures_alone():
    assert DEFAULT.taken(BY_NAME["empty-service"]) == [SMALL]
    assert DEFAULT.opened(BY_NAME["empty-service"]) == ()
    assert DEFAULT.taken(BY_NAME[OURS]) == list(WORKLOADS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.usefixtures("fashion_mnist_folder")
def test_every_peer_is_sent_the_same_real_pictures(peer):
    pictures = SMALL.pictures()
    assert len(set(pictures)) == 64
    for asked, picture in zip(peer.requests(SMALL), pictures, strict=True):
        if peer.one == "json":
            assert base64.b64decode(json.loads(asked.body)["images"][0]) == picture
        elif peer.one == "form":
            assert asked.body.count(picture) == 1
            assert asked.content_type.startswith("multipart/form-data; boundary=")
        else:
            assert (asked.body, asked.content_type) == (picture, "image/png")


@pytest.mark.parametrize("peer", [peer for peer in PEERS if not peer.bare], ids=lambda peer: peer.name)
@pytest.mark.usefixtures("fashion_mnist_folder")
def test_every_peer_is_sent_256_different_pictures(peer):
    (asked,) = peer.requests(MANY)
    pictures = MANY.pictures()
    assert len(set(pictures)) == 256
    if peer.many == "json":
        assert [base64.b64decode(each) for each in json.loads(asked.body)["images"]] == list(pictures)
    else:
        assert all(picture in asked.body for picture in pictures)


def test_the_large_picture_is_a_baseline_jpeg_of_twelve_megapixels():
    with Image.open(io.BytesIO(large_jpeg())) as image:
        assert (image.format, image.size) == ("JPEG", (3024, 4032))
        assert "progressive" not in image.info
    assert 1e6 < len(LARGE.pictures()[0]) < 8e6
