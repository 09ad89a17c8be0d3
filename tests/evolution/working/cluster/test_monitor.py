"""Whether Ray is there, with stand-ins for its processes."""

import socket
import threading
import time

from evopose2d.evolution.working.cluster.monitor import RayMonitor, answers_at, answers_in


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_ends_is_named_although_ray_does_not_answer():
    blocked, there = threading.Event(), [True]
    answers = iter([[{"NodeID": "a"}]])

    def nodes():
        for answer in answers:
            return answer
        blocked.wait()
        return []

    present = {"raylet": (lambda: there[0], 0.0), "GCS": (lambda: True, 0.0)}
    with RayMonitor(present, nodes, pause=0.01) as monitor:
        assert monitor.nodes == [{"NodeID": "a"}]
        time.sleep(0.1)
        assert monitor.ended == ""
        there[0] = False
        wait_until(lambda: monitor.ended)
        assert monitor.ended == "raylet"
    blocked.set()


def test_one_that_comes_back_in_time_has_not_ended():
    asked = []

    def away_for_a_moment():
        asked.append(time.monotonic())
        return not 3 < len(asked) < 6

    with RayMonitor({"GCS": (away_for_a_moment, 30.0)}, list, pause=0.01) as monitor:
        wait_until(lambda: len(asked) > 10)
        assert monitor.ended == ""


def test_sockets_tell_whether_anybody_answers(tmp_path):
    path = str(tmp_path / "raylet")
    assert not answers_in(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert answers_in(path)
    assert not answers_in(path)  # the file is left
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert answers_at("127.0.0.1", port)
    assert not answers_at("127.0.0.1", port)
