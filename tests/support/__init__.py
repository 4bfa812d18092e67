"""What several tests need: small models, data, servers, and slow reference answers."""
