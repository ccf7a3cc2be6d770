//! Tables of codes, names and classes, from which a row's operations are made when compiled.

use observations::OperationClass;

/// A code of the protocol, its name in the specification in `snake_case`, and what it does.
pub(crate) type Code = (u32, &'static str, OperationClass);

/// The operations of a table, in its order.
#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
pub(crate) const fn operations<const N: usize>(codes: &[Code]) -> [(&'static str, OperationClass); N] {
    let (mut operations, mut at) = ([("", OperationClass::Session); N], 0);
    while at < N {
        operations[at] = (codes[at].1, codes[at].2);
        at += 1;
    }
    operations
}

/// The operation of a code.
pub(crate) fn find(codes: &[Code], code: u32) -> Option<u16> {
    codes.iter().position(|row| row.0 == code).and_then(|at| u16::try_from(at).ok())
}

/// Whether a code is in the table.
pub(crate) fn knows(codes: &[Code], code: u32) -> bool {
    codes.iter().any(|row| row.0 == code)
}
