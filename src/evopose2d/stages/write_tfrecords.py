"""The ``write_tfrecords`` stage: the people of each split as TFRecords."""

from typing import Any

from evopose2d.config.schema import Params
from evopose2d.data.writing import write_all_records


def run(params: Params) -> list[dict[str, Any]]:
    """Write all records of the dataset.

    Returns:
        One row a set of records: its people, files and skipped people.
    """
    written = write_all_records(params.dataset, params.write_tfrecords)
    return [
        {"records": name, "people": summary.people, "files": summary.shards, "skipped": summary.skipped}
        for name, summary in written.items()
    ]
