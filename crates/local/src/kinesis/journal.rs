//! Records on disk, so that they outlive the process: a file to which every put is added.
//!
//! `ferrokinesis` writes all of its state with each change. That does for streams and consumers, of
//! which there are few; its records it would write again and again, so they are kept here. What is
//! written survives the end of the process; a loss of power may take the last moments.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    log::Kept,
    wire::{Blob, Millis},
};
use crate::builder::private_file;

/// One thing that happened to a stream. On disk: its length in four bytes, then CBOR.
#[derive(Serialize, Deserialize)]
pub(super) enum Entry {
    /// It was made: earlier entries are about another stream of the same name.
    Made { stream: String },
    /// Records were put into it.
    Put { stream: String, records: Vec<Line> },
}

/// A record on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) sequence_number: String,
    partition_key: String,
    arrival: u64,
    data: Blob<'static>,
}

impl From<Line> for Kept {
    fn from(line: Line) -> Self {
        Self {
            sequence_number: line.sequence_number,
            partition_key: line.partition_key,
            arrival: Millis(line.arrival),
            data: line.data.0.into_owned(),
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens the file, or makes an empty one that only its owner can read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        private_file(path)?;
        let file = File::options().append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Everything in the file, entry by entry. A last entry that is not whole is cut off: nobody
    /// was told of it.
    pub(super) fn replay(&self, mut each: impl FnMut(Entry)) -> io::Result<()> {
        let mut input = BufReader::new(File::open(&self.path)?);
        let mut whole = 0;
        let mut bytes = Vec::new();
        loop {
            let mut length = [0; 4];
            let entry = input.read_exact(&mut length).and_then(|()| {
                bytes.clear();
                let length = u32::from_be_bytes(length);
                let read = Read::by_ref(&mut input).take(length.into()).read_to_end(&mut bytes)?;
                if read == length as usize {
                    Ok(length)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            });
            match entry {
                Ok(length) => whole += 4 + u64::from(length),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            each(ciborium::from_reader(bytes.as_slice()).map_err(io::Error::other)?);
        }
        self.lock().set_len(whole)
    }

    pub(super) fn made(&self, stream: &str) -> io::Result<()> {
        self.add(&Entry::Made { stream: stream.to_owned() })
    }

    /// Replaces the file by one that holds only these records.
    pub(super) fn rewrite(&self, streams: &[(String, Vec<Arc<Kept>>)]) -> io::Result<()> {
        let path = self.path.with_extension("new");
        private_file(&path)?;
        let file = File::options().append(true).open(&path)?;
        file.set_len(0)?;
        let new = Self { path: path.clone(), file: Mutex::new(file) };
        for (stream, records) in streams {
            // A put at a time, so that no entry is too long.
            records.chunks(500).try_for_each(|some| new.put(stream, some))?;
        }
        let file = new.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.sync_all()?;
        std::fs::rename(&path, &self.path)?;
        *self.lock() = file;
        Ok(())
    }

    pub(super) fn put(&self, stream: &str, records: &[Arc<Kept>]) -> io::Result<()> {
        let line = |record: &Arc<Kept>| Line {
            sequence_number: record.sequence_number.clone(),
            partition_key: record.partition_key.clone(),
            arrival: record.arrival.0,
            data: Blob(record.data.clone().into()),
        };
        self.add(&Entry::Put {
            stream: stream.to_owned(),
            records: records.iter().map(line).collect(),
        })
    }

    fn add(&self, entry: &Entry) -> io::Result<()> {
        // Room for the length; one write, so that entries do not mix.
        let mut bytes = vec![0; 4];
        ciborium::into_writer(entry, &mut bytes).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
        bytes.splice(..4, length.to_be_bytes());
        self.lock().write_all(&bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
