/// Placeholder so that the module has a source.
