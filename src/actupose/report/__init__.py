"""Tables, figures and pictures of runs and stores."""
