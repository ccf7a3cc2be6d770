//! fingerprints.
