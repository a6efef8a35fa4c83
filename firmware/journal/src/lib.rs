//! The journal: what mattered, in lines that are chained by their hashes (P7).
//!
//! One JSON object per line, UTF-8, ended by `\n`. Every line carries `seq`, counted from 1 and never reset, and `prev`, the SHA-256 (FIPS 180-4)
//! of the line before it without its `\n`; the first one's `prev` is 64 zeros. So no line can be altered, left out, inserted or
//! moved without breaking the chain after it, and whoever knows the newest [`JournalHead`](contract::body::JournalHead), which the board publishes, notices
//! when the end is cut off. Names of people are not in it: it holds pseudonyms, and verifies on after the names were erased.
//!
//! The journal lies in **segments** ([`segment`]). The first line of each carries, as every line does, the hash and the number of the line before it: so
//! whole old segments may go and what is left still verifies. The board writes [`What::Truncated`] before it removes any; what is missing at the beginning
//! and was not announced like that was taken away by somebody else ([`Audit`]).
//!
//! Pure: bytes in, bytes out. Writing, `fsync`, files and a full disk are the eye's. How the two work together:
//! 1. at start: [`recover`] each segment, truncate the newest to [`Recovered::valid_len`], go on with [`Recovered::chain`];
//! 2. to write: [`Chain::append`], write the line, `fsync`. When that fails, put back the clone of the chain from before and truncate.
#![forbid(unsafe_code)]

mod audit;
mod chain;
mod entry;
mod recover;
pub mod segment;

pub use audit::{Audit, Beginning, Compared, Proof};
pub use chain::{Chain, GENESIS, JournalError, MAX_LINE};
pub use entry::{Entry, What};
pub use recover::{Broken, Recovered, Tail, lines, recover, verify};
