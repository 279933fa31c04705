//! The workers, as the demo sees them.

use tokio::process::Child;
use tokio::sync::mpsc;

use super::chores::Chore;
use super::happening::Happening;
use super::meter::Meter;
use super::roster::{Roster, list};
use super::view::Row;
use super::worker::{self, Order};

/// All workers that were started, by their numbers from 0.
#[derive(Debug, Default)]
pub(super) struct Crew(Vec<Member>);

#[derive(Debug)]
struct Member {
    pid: u32,
    orders: mpsc::Sender<Order>,
    order: Option<Order>,
    gone: bool,
    handled: u64,
    meter: Meter,
}

impl Crew {
    /// Takes a worker on. What is returned looks after its process.
    pub(super) fn hire(&mut self, child: Child, say: mpsc::Sender<Happening>) -> Chore {
        // Two orders at most are ever given.
        let (orders, receiver) = mpsc::channel(2);
        let pid = child.id().unwrap_or_default();
        let meter = Meter::default();
        self.0.push(Member { pid, orders, order: None, gone: false, handled: 0, meter });
        Box::pin(worker::attend(self.0.len() - 1, child, receiver, say))
    }

    /// Whose process this is.
    pub(super) fn of_pid(&self, pid: u32) -> Option<usize> {
        self.0.iter().position(|member| member.pid == pid)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives a worker an order. One that is gone needs none.
    pub(super) fn order(&mut self, worker: usize, order: Order) {
        let Some(member) = self.0.get_mut(worker).filter(|member| !member.gone) else { return };
        member.order = Some(order);
        let _ = member.orders.try_send(order);
    }

    /// Gives all of them an order.
    pub(super) fn order_all(&mut self, order: Order) {
        (0..self.len()).for_each(|worker| self.order(worker, order));
    }

    /// A worker handled a record.
    pub(super) fn handled(&mut self, worker: usize) {
        if let Some(member) = self.0.get_mut(worker) {
            member.handled += 1;
        }
    }

    /// A worker's process has ended. Returns whether it had been told to.
    pub(super) fn gone(&mut self, worker: usize) -> bool {
        let Some(member) = self.0.get_mut(worker) else { return false };
        member.gone = true;
        member.order.is_some()
    }

    pub(super) fn all_gone(&self) -> bool {
        self.0.iter().all(|member| member.gone)
    }

    /// What the view shows of them.
    pub(super) fn rows(&mut self, now_ms: u64, roster: &Roster) -> Vec<Row> {
        let row = |(worker, member): (usize, &mut Member)| {
            member.meter.sample(now_ms, member.handled);
            Row {
                number: worker + 1,
                pid: member.pid,
                note: match (member.order, member.gone) {
                    (Some(Order::Kill), _) => "killed",
                    (_, true) => "gone",
                    (Some(Order::Leave), false) => "leaving",
                    (None, false) => "",
                },
                shards: list(roster.held(worker)),
                handled: member.handled,
                rate: member.meter.per_second(),
            }
        };
        self.0.iter_mut().enumerate().map(row).collect()
    }
}
