"""From float networks to integers, after training."""
