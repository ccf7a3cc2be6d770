//! Output made in pieces by several threads, and written in order.

use std::io::{self, Write};
use std::sync::mpsc::sync_channel;

/// Elements of one piece: enough that handing it on does not count, few enough that little is held.
const ELEMENTS: usize = 64;

/// Pieces of one thread that wait to be written.
const WAITING: usize = 2;

/// Appends one element.
pub type Make<'m> = &'m (dyn Fn(usize, &mut Vec<u8>) -> io::Result<()> + Sync);

/// Writes elements `0..count` in their order, each appended by `make`.
///
/// # Errors
/// If an element cannot be made or the output cannot be written.
pub fn write(count: usize, workers: usize, make: Make<'_>, out: &mut dyn Write) -> io::Result<()> {
    let pieces = count.div_ceil(ELEMENTS);
    let fill = |piece: usize, bytes: &mut Vec<u8>| (piece * ELEMENTS..count.min((piece + 1) * ELEMENTS)).try_for_each(|element| make(element, bytes));
    if workers < 2 || pieces < 2 {
        let mut bytes = Vec::new();
        for piece in 0..pieces {
            bytes.clear();
            fill(piece, &mut bytes)?;
            out.write_all(&bytes)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        // Each thread has every so many pieces, in order: what is next is always known.
        let made: Vec<_> = (0..workers)
            .map(|first| {
                let (sender, receiver) = sync_channel(WAITING);
                scope.spawn(move || {
                    for piece in (first..pieces).step_by(workers) {
                        let mut bytes = Vec::new();
                        let filled = fill(piece, &mut bytes).map(|()| bytes);
                        // Nobody waits any longer: the output is closed.
                        if sender.send(filled).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for piece in 0..pieces {
            // A thread that has gone has panicked: leaving the scope passes that on.
            let Ok(bytes) = made[piece % workers].recv() else { break };
            out.write_all(&bytes?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_writes_the_same() {
        let make = |element: usize, out: &mut Vec<u8>| writeln!(out, "{element}");
        let written = |count, workers| {
            let mut out = Vec::new();
            write(count, workers, &make, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        for count in [0, 1, 64, 65, 1000] {
            let one = written(count, 1);
            assert!(one.lines().map(str::to_owned).eq((0..count).map(|element| element.to_string())));
            assert!([2, 3, 7].into_iter().all(|workers| written(count, workers) == one));
        }
    }

    #[test]
    fn an_output_that_closes_ends_it() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let make = |_: usize, out: &mut Vec<u8>| out.write_all(b"x");
        assert_eq!(write(10_000, 3, &make, &mut Closed).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
