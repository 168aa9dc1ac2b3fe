"""ACTUPose: from labelled rendered poses to a model for unlabelled real pictures."""

__version__ = "0.1.0"
