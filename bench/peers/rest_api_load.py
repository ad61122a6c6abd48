"""dlt's own REST API source, by configuration alone: ``rest_api_load.py BASE_URL HOST PORT DATABASE WAY``.

Run by the peers' own interpreter, and imports nothing of the project. WAY is ``plain``, which is what its documentation
begins with; ``nested``, which keeps what is nested as JSON in place of a column for each member; or ``tuned``, which
does that and loads by COPY in place of INSERT. How many processes normalise, and how large a file is, comes from the
environment.
"""

from __future__ import annotations

import sys

import dlt
from dlt.sources.rest_api import rest_api_source
from dlt_destination import destination

_LIMIT = 5_000


def main(base_url: str, host: str, port: str, database: str, how: str) -> None:
    """Loads the whole feed."""
    source = rest_api_source(
        {
            "client": {"base_url": f"{base_url}/", "paginator": "header_link"},
            "resources": [
                {
                    "name": "records",
                    "write_disposition": "append",
                    "endpoint": {"path": "nested/records", "params": {"limit": _LIMIT}, "data_selector": "$"},
                }
            ],
        },
        max_table_nesting=None if how == "plain" else 0,
    )
    pipeline = dlt.pipeline("bench", destination=destination(host, port, database), dataset_name="peer")
    loaded = pipeline.run(source, loader_file_format="csv" if how == "tuned" else None)
    loaded.raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:6])
