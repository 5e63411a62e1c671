"""A small model to store, for tests."""

import numpy as np

from connectors.model_files import StoredModel

DAY_MS = 86_400_000


def a_model(service: str = "aws.ec2", mark: float = 0.5, day: int = 20_000) -> StoredModel:
    return StoredModel(
        service=service,
        features=("cpu.utilization:z", "latency:z"),
        arrays={
            "threshold": np.array([mark, np.inf, -0.0, np.nan], np.float32),
            "child": np.array([[1, 2], [3, 4]], np.uint32),
            "calibration_tail": np.zeros((0, 3)),
        },
        data_from_ms=(day - 7) * DAY_MS,
        data_to_ms=day * DAY_MS,
        settings={"trees": 50, "name": "x", "seed": None},
        figures={"precision": 0.91},
    )


def same(a: StoredModel, b: StoredModel) -> bool:
    return (
        (a.service, a.features, a.data_from_ms, a.data_to_ms, a.settings, a.figures)
        == (b.service, b.features, b.data_from_ms, b.data_to_ms, b.settings, b.figures)
        and a.arrays.keys() == b.arrays.keys()
        and all(
            x.tobytes() == b.arrays[name].tobytes()
            and x.dtype == b.arrays[name].dtype
            and x.shape == b.arrays[name].shape
            for name, x in a.arrays.items()
        )
    )
