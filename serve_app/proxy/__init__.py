"""HAProxy in front of the replicas."""
