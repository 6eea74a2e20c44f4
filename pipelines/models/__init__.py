"""Model versions: the store that numbers them, their manifests, and local copies."""
