"""Nothing lives here: an audit must not need a conftest."""
