//! Registries in this process.
