"""A page in the browser to try a model and to look at a run's curriculum; the only room that may import Gradio."""
