//! assemble.
