"""What pyproject.toml cannot say: the compiled module with all its headers, and the migrations as part of the package.

``DATASYNC_WHEEL=pure`` leaves the compiled module out, and the wheel then serves every platform. Without that it is
optional: where it cannot be compiled, Python does the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import Extension, find_packages, setup

IS_PURE = os.environ.get("DATASYNC_WHEEL") == "pure"
# They lie at the top of the repository, where people look for them.
MIGRATIONS = "datasync_spider.migrations"

setup(
    packages=[*find_packages(include=["datasync_spider*", "embedded_postgres*", "mock_api*"]), MIGRATIONS],
    package_dir={MIGRATIONS: "migrations"},
    ext_modules=[]
    if IS_PURE
    else [
        Extension(
            "datasync_columns",
            sources=["compiled/columns.c"],
            depends=sorted(map(str, Path("compiled").glob("*.h"))),
            extra_compile_args=["-std=c11", "-O3"],
            py_limited_api=True,
            optional=True,
        )
    ],
    # One wheel for every Python from 3.11 on.
    options={} if IS_PURE else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
