"""Compiles the pipelines of this folder: python compile.py (needs kfp 2.17.0, kfp-kubernetes)."""

import pathlib

from kfp import compiler

import settings
import unsupported
import values

HERE = pathlib.Path(__file__).parent

PIPELINES = [
    values.values,
    settings.settings,
    unsupported.conditions,
    unsupported.one_of,
    unsupported.loops,
    unsupported.exit_handler,
    unsupported.ignore_failure,
    unsupported.retries,
    unsupported.importer,
    unsupported.secrets,
    unsupported.volumes,
    unsupported.time_limits,
    unsupported.workspaces,
    unsupported.node_selectors,
]

for pipeline in PIPELINES:
    compiler.Compiler().compile(pipeline, str(HERE / f"{pipeline.name}.yaml"))
