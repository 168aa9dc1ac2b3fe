"""Trials of a suite side by side: Ray Tune, on this machine or on a running cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actupose.data.cluster import LOCAL, ray_cluster
from actupose.engine.trials import Finished, SuiteFolder, Trial, run_trial

# Read when Ray and Tune start: Tune leaves folders and Ctrl-C alone, prints nothing and writes no logs of its own; a
# local cluster's trainings are not made to wait for everything else (Ray's own niceness is 15).
_SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_worker_niceness": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}
_NODE_LOST = 2  # times that a trial is begun again when its machine is lost


def run_on_ray(
    folder: SuiteFolder, trials: Sequence[Trial], finished: Finished, *, workers: int | None, address: str | None
) -> None:
    """Train trials side by side.

    Every machine of the cluster must see ``folder`` and the data under the same paths.

    Args:
        folder: the suite's.
        trials: from `SuiteFolder.open_trials`.
        finished: called after each with its failure.
        workers: trials at a time; None = as many as the devices of the cluster take.
        address: of a running cluster; None = one for this suite on this machine.

    Raises:
        UserError: ray is not installed, or there is no cluster at the address.
    """
    os.environ.update(_SETTINGS)
    shared = folder.path if address else None
    with ray_cluster(address or LOCAL, workers) as ray, tempfile.TemporaryDirectory("-tune", dir=shared) as scratch:
        from ray import tune

        has_gpu = ray.cluster_resources().get("GPU", 0) > 0
        place = {"folder": str(folder.path.resolve()), "cwd": str(Path.cwd())}
        by_name = {trial.name: trial for trial in trials}

        class Tell(tune.Callback):
            """Tells what a trial came to."""

            def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:  # noqa: ANN401, ARG002 - Tune's signature
                name = trial.config["trial"]["name"]
                finished(by_name[name], folder.reason(name))

        def devices(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - Tune's type
            # Where there is no GPU, a trial that asks for one would wait for ever: let it start and fail in one line.
            gpu = has_gpu and config["trial"]["gpu"] is not False
            return tune.PlacementGroupFactory([{"CPU": 1.0, "GPU": 1.0} if gpu else {"CPU": 1.0}])

        choices = [{"name": trial.name, "gpu": trial.gpu, "trusted": trial.trusted, **place} for trial in trials]
        tuner = tune.Tuner(
            tune.with_resources(_train, devices),
            param_space={"trial": tune.grid_search(choices)},
            tune_config=tune.TuneConfig(max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[Tell()],
                failure_config=tune.FailureConfig(max_failures=_NODE_LOST),
            ),
        )
        tuner.fit()


def _train(config: Mapping[str, Any]) -> dict[str, Any]:
    """A trial in a worker of the cluster."""
    trial = config["trial"]
    folder, cwd = SuiteFolder(Path(trial["folder"])), Path(trial["cwd"])
    return {"failed": run_trial(folder, trial["name"], cwd, trusted=trial["trusted"])}
