"""What a dataset's folder says of itself."""

from evopose2d.data.download.state import State, mark_complete, mark_incomplete, read_state


def test_a_run_that_broke_off_outweighs_the_dataset_before_it(tmp_path):
    mark_complete(tmp_path, State("before", {"a": "1"}, summary={"people": 3}))
    mark_incomplete(tmp_path, "after", {"b": "2"})
    assert read_state(tmp_path) == State("after", {"b": "2"}, complete=False)


def test_a_dataset_that_is_whole_says_so(tmp_path):
    mark_incomplete(tmp_path, "now", {})
    mark_complete(tmp_path, State("now", {"a": "1"}, summary={"people": 3}))
    state = read_state(tmp_path)
    assert (state.identity, state.done, state.complete, state.summary["people"]) == ("now", {"a": "1"}, True, 3)
