//! Processes that are killed, and processes that share a file.
//!
//! The other process is this test's own program, told by a variable what it is to be.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// Says which file a child writes, and who it is there.
const FILE: &str = "KINFOLK_TEST_SQLITE_FILE";
const WORKER: &str = "KINFOLK_TEST_SQLITE_WORKER";

/// How a child says that a beat was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";

/// Not a test: what a child process runs. It joins and leaves marks until it is killed.
#[tokio::test]
async fn child() {
    let (Ok(file), Ok(worker)) = (std::env::var(FILE), std::env::var(WORKER)) else { return };
    let (store, mut writer) = (open(Path::new(&file)), Writer::new(&worker));
    applied(&store, &writer.join()).await;
    let mut out = std::io::stdout();
    loop {
        applied(&store, &writer.mark()).await;
        writer.beat += 1;
        // In one piece: whoever reads it may kill this process at any moment.
        let line = format!("\n{ACKNOWLEDGED}{}\n", writer.beat);
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// A child process; killed when it is dropped.
struct Process {
    child: Child,
    /// The last beat that it said was acknowledged.
    last: i64,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(file: &Path, worker: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "store::sqlite::tests::crash::child", "--nocapture"]);
        command.env(FILE, file).env(WORKER, worker);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, last: 1_000, lines }
    }

    /// Waits for its next acknowledged beat; false once it is gone.
    fn next(&mut self) -> bool {
        loop {
            let Some(Ok(line)) = self.lines.next() else { return false };
            if let Some(beat) = line.strip_prefix(ACKNOWLEDGED) {
                self.last = beat.parse().unwrap();
                return true;
            }
        }
    }

    /// Kills it with SIGKILL. Returns the last beat that it said was acknowledged.
    fn kill(mut self) -> i64 {
        self.child.kill().unwrap();
        while self.next() {}
        self.last
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_sound(file: &Path) {
    let connection = by_hand(file);
    for (pragma, sound) in [("integrity_check", vec!["ok"]), ("foreign_key_check", vec![])] {
        let mut statement = connection.prepare(&format!("PRAGMA {pragma}")).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(rows.map(Result::unwrap).collect::<Vec<_>>(), sound, "{pragma}");
    }
}

/// Every acknowledged beat left its mark; at most one more did, whose answer was not heard.
fn all_is_there(state: &Snapshot, worker: &str, acknowledged: i64) {
    let writer = Writer::new(worker);
    let beat = state.workers[worker].beat.0;
    assert!((acknowledged..=acknowledged + 1).contains(&beat), "{worker}: {beat}");
    let marks = state.shards.keys().filter(|id| id.as_str().starts_with(&format!("{worker}-")));
    let expected: Vec<_> = (1_001..=beat).map(|beat| writer.marked(beat)).collect();
    assert_eq!(marks.cloned().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_write_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    applied(&folder.store(), &Writer::new("first").create()).await;
    for round in 0..8 {
        let worker = format!("killed{round}");
        let mut process = Process::start(&folder.file(), &worker);
        for _ in 0..=round * 7 {
            assert!(process.next(), "the child writes");
        }
        let last = process.kill();
        // Nobody else has the file open: the next one finds what the killed one left.
        let state = folder.store().look().await.unwrap().unwrap();
        all_is_there(&state, &worker, last);
        is_sound(&folder.file());
    }
}

#[tokio::test]
async fn processes_that_write_at_once_lose_nothing_of_each_other() {
    let folder = Folder::new();
    let store = folder.store();
    applied(&store, &Writer::new("first").create()).await;
    let names = ["left", "right", "third"];
    let mut processes = names.map(|name| Process::start(&folder.file(), name));
    for _ in 0..40 {
        for process in &mut processes {
            assert!(process.next(), "the child writes");
        }
        let state = store.look().await.unwrap().unwrap();
        assert!(state.workers.contains_key("left") && state.workers.contains_key("right"));
    }
    let last = processes.map(|process| process.kill());
    let state = store.look().await.unwrap().unwrap();
    for (name, last) in names.into_iter().zip(last) {
        all_is_there(&state, name, last);
    }
    is_sound(&folder.file());
}

#[test]
fn threads_that_make_the_same_file_at_once_all_open_it() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        let openings: Vec<_> = (0..12).map(|_| scope.spawn(|| drop(folder.store()))).collect();
        openings.into_iter().for_each(|opening| opening.join().unwrap());
    });
    is_sound(&folder.file());
}
