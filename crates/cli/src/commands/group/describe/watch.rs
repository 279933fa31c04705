//! A group as it goes on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use kinfolk::core::id::ShardId;
use kinfolk::core::snapshot::Home;
use kinfolk::group::{Description, Group, Lag, ShardStatus};

use super::super::show::{self, Origin};
use super::look;
use crate::exit::{Exit, Failure, Outcome};
use crate::{output, signal};

/// How often `--watch` looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Each how many looks it probes: the workers need the shards' reads more.
const PROBE_EACH: u32 = 5;

/// Shows a group again and again until it is asked to stop.
pub(super) async fn run(group: &Group, probe: bool) -> Outcome {
    let stop = signal::asked_to_stop();
    tokio::pin!(stop);
    let mut lags = BTreeMap::new();
    for looks in 0u32.. {
        let probe = probe && looks.is_multiple_of(PROBE_EACH);
        let text = match look(group, probe).await {
            Ok(mut seen) => {
                keep_lags(&mut seen, &mut lags);
                show::text(&seen, Origin::Store)
            }
            // Names that are wrong stay wrong; later on it is an outage, which may pass.
            Err(failure) if looks == 0 => return Err(failure),
            Err(failure) => format!("{}\n", output::escape(&failure.message)),
        };
        output::print(redraw(&text))?;
        tokio::select! {
            biased;
            asked = &mut stop => {
                asked.map_err(|error| Failure::failed("cannot wait for Ctrl-C").because(error))?;
                break;
            }
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    Ok(Exit::Done)
}

/// The lags of the last look that probed.
type Lags = BTreeMap<(Home, ShardId), Lag>;

/// Fills them in.
fn keep_lags(seen: &mut Description, lags: &mut Lags) {
    let mut keep = |home: &Home, shards: &mut [ShardStatus]| {
        for shard in shards {
            let place = (home.clone(), shard.id.clone());
            match (&shard.lag, lags.get(&place)) {
                (Lag::Unasked, Some(known)) => shard.lag = known.clone(),
                (Lag::Unasked, None) => {}
                (asked, _) => drop(lags.insert(place, asked.clone())),
            }
        }
    };
    keep(&Home::Group, &mut seen.shards);
    for standalone in &mut seen.standalone {
        keep(&standalone.home, &mut standalone.shards);
    }
}

/// On a terminal, text in the place of what it shows, without flicker; else an empty line apart.
fn redraw(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return format!("{text}\n");
    }
    let mut screen = String::from("\x1b[H");
    for line in text.lines() {
        let _ = write!(screen, "{line}\x1b[K\r\n");
    }
    screen + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use kinfolk::core::snapshot::{Shard, Shards, Snapshot};
    use kinfolk::core::time::WallTime;

    use super::*;

    #[test]
    fn a_look_without_a_probe_shows_the_lags_of_the_last_one_each_in_its_home() {
        let shard = Shard::new(None, None, "v".into());
        let shards = || Shards::from([("0".into(), shard.clone())]);
        let state = Snapshot {
            created_on: WallTime(0),
            version: "v".into(),
            started_at: None,
            workers: [].into(),
            slots: [].into(),
            shards: shards(),
            places: [("tail".into(), shards())].into(),
        };
        let look =
            || Description::of_state(&"billing".into(), &"orders".into(), &state, WallTime(0));
        let mut lags = Lags::new();
        let mut probed = look();
        probed.shards[0].lag = Lag::Ms(7);
        probed.standalone[0].shards[0].lag = Lag::Ms(9);
        keep_lags(&mut probed, &mut lags);
        let mut unprobed = look();
        keep_lags(&mut unprobed, &mut lags);
        assert_eq!(unprobed, probed);
    }
}
