"""From a checkpoint to keypoints of a user's own pictures."""
