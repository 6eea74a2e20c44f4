"""From a checkpoint to the graphs and plans that engines load, and the proof that they read the same."""
