"""Poses from motion capture: files of published formats, retargeted onto the rig, sampled by diversity.

BVH, Acclaim ASF/AMC and AMASS are read into a `Motion` (`motion.py`), `retarget.py` turns its frames into anatomical
angles, `pool.py` keeps the most different valid ones.
"""
