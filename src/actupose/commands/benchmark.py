"""`actupose benchmark`: methods x seeds x tasks in one table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from actupose.commands.parsing import parse, verb_parser
from actupose.commands.trust import HELP, OPTION, split_trust
from actupose.errors import RunsFailedError, UserError

if TYPE_CHECKING:
    from actupose.engine.trials import SuiteFolder, Trial


@dataclass(frozen=True)
class BenchmarkConfig:
    """How a suite is run.

    Attributes:
        workers: trainings at a time; 1 = one after the other, without Ray; -1 = one a GPU or core, or what the cluster
            has.
        ray: address of a running Ray cluster (``auto``, ``host:6379``); without it one is started on this machine.
        retry_failed: train again what failed before.
    """

    workers: int = -1
    ray: str | None = None
    retry_failed: bool = False

    def __post_init__(self) -> None:
        if self.workers == 0 or self.workers < -1:
            raise UserError(f"--workers is {self.workers}; use 1 or more, or -1 for one a device.")


def run(args: list[str]) -> None:
    """Train all runs of a suite that are not there yet, and write its table.

    Args:
        args: the verb's arguments.

    Raises:
        RunsFailedError: some runs failed; the table says which and why.
    """
    args, trusted = split_trust(args)
    parser = verb_parser("benchmark", "Methods x seeds x tasks, one run folder each, in one table.", trusted=trusted)
    parser.add_argument("suite", type=Path, help="YAML file of the suite")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and tables; may be shared by suites")
    parser.epilog = f"{OPTION}: {HELP}"
    parser.add_class_arguments(BenchmarkConfig, None)
    parsed = parse(parser, args)
    config = BenchmarkConfig(**{name: parsed[name] for name in BenchmarkConfig.__dataclass_fields__})

    from actupose.commands.suite import plan, read_suite, with_older_names
    from actupose.engine.trials import SuiteFolder
    from actupose.report.study import write_suite_studies
    from actupose.report.suite import write_suite

    suite, configs = read_suite(parsed.suite)
    cells = plan(suite, configs, parsed.suite, trusted=trusted)
    if parsed.out.exists() and not parsed.out.is_dir():
        raise UserError(f"{parsed.out}: is a file, not a folder; name another --out.")
    folder = SuiteFolder(parsed.out.resolve())
    cells = with_older_names(cells, folder, trusted=trusted)
    trials = list({trial.name: trial for cell in cells for trial in cell.trials.values()}.values())
    _train(folder, trials, config)
    file, text = write_suite(cells, folder, parsed.suite.stem)
    print(text)
    if suite.against is not None:
        print(write_suite_studies(cells, folder, suite.against, parsed.suite.stem))
    failed = sum(folder.reason(trial.name) is not None for trial in trials)
    if failed:
        raise RunsFailedError(f"{failed} of {len(trials)} runs failed; {file} says why.")


def _train(folder: SuiteFolder, trials: Sequence[Trial], config: BenchmarkConfig) -> None:
    """Train what is missing, one line of progress a training."""
    from actupose.engine.cluster import run_on_ray
    from actupose.engine.trials import run_here
    from actupose.progress import progress_bar

    missing = folder.open_trials(trials, retry_failed=config.retry_failed)
    print(f"{folder.path}: {len(trials)} runs, {len(missing)} to train", flush=True)
    if not missing:
        return
    for trial in missing:
        folder.write_config(trial)
    workers = _workers(config, missing)
    with progress_bar(len(missing), "runs") as bar:

        def finished(trial: Trial, failed: str | None) -> None:
            """Tell how a training ended."""
            print(f"{trial.name}: {'done' if failed is None else f'failed: {failed}'}", flush=True)
            bar.update()

        if workers == 1 and config.ray is None:
            run_here(folder, missing, finished)
        else:
            run_on_ray(folder, missing, finished, workers=workers, address=config.ray)


def _workers(config: BenchmarkConfig, trials: Sequence[Trial]) -> int | None:
    """Trainings at a time; None = as the cluster's devices allow."""
    import torch

    if config.workers > 0:
        return config.workers
    if config.ray is not None:
        return None
    on_gpu = torch.cuda.is_available() and any(trial.gpu is not False for trial in trials)
    devices = torch.cuda.device_count() if on_gpu else os.cpu_count() or 1
    return min(devices, len(trials))
