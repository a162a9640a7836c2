//! Which worker does what next: the whole policy of serving, replacing,
//! retrying and blaming, without a process, a socket or a clock in it.
//!
//! Events go in with the time they happened at, [`Action`]s come out. A worker
//! that dies while it serves makes suspects of the messages that were in
//! flight; each suspect is tried alone in a fresh worker, and the one that ends
//! that worker too is guilty. A guilty message goes straight to such a trial
//! when it comes again, and never again beside others.
//!
//! It is one long file because it is one state machine: each event may touch
//! every list of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use avscan_wire::{Hello, Outcome as Finding};

use crate::error::{ReloadError, ScanError};
use crate::failures::{Failures, POISON};
use crate::status::State;

/// One worker process, by the order of their starts.
pub(crate) type WorkerId = u64;
/// One message that somebody waits for.
pub(crate) type JobId = u64;

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a worker process that loads this.
    Start(WorkerId, Source),
    /// Keep what this worker has loaded.
    Keep(WorkerId),
    /// Hand a message to a worker.
    Send(WorkerId, JobId),
    /// Let a worker end when it has nothing more to do.
    Close(WorkerId),
    /// End a worker at once.
    Kill(WorkerId),
    /// Tell who waits for this message.
    Answer(JobId, Answer),
    /// Tell who asked for a reload.
    Reloaded(Result<Hello, ReloadError>),
}

/// What a worker loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The signature folder as it is now.
    Folder,
    /// The kept copy of the last set that could be loaded.
    Kept,
}

/// Whether a copy of the set in use is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copy {
    /// There is none.
    None,
    /// There is one of an earlier set.
    Earlier,
    /// It is what is in use: after a crash it is loaded again, whatever the
    /// folder holds by then.
    InUse,
}

/// What the one who waits is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The worker's finding, with its milliseconds.
    Found(Finding, u32),
    /// The third failure alone.
    Poison,
    /// Not scanned.
    Error(ScanError),
}

/// The numbers that policy depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) threads: usize,
    pub(crate) waiting: usize,
    pub(crate) hang_after: Duration,
    pub(crate) load_within: Duration,
}

/// After a crash the first restart is at once, so that a scan costs one retry;
/// a scanner that goes on crashing must not eat the machine.
const CRASH_BACKOFF_MAX: Duration = Duration::from_secs(5);
const LOAD_BACKOFF_MAX: Duration = Duration::from_mins(1);
/// A worker that served this long has earned a restart at once.
const HEALTHY: Duration = Duration::from_mins(1);
/// A closed worker that does not end by itself is killed after this.
const CLOSE_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Job {
    sha256: [u8; 32],
    deadline: Instant,
}

#[derive(Debug)]
struct Flight {
    job: JobId,
    sha256: [u8; 32],
    sent: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Loading, to serve where nobody serves.
    Loading,
    /// Loading, to take over by request.
    Replacing,
    /// Loading, to try one message alone.
    Preparing(JobId),
    Serving,
    Draining,
    /// Trying one message alone.
    Trial,
    /// Told to end.
    Ending,
}

#[derive(Debug)]
struct Worker {
    role: Role,
    source: Source,
    since: Instant,
    flights: Vec<Flight>,
}

/// The state of everything.
#[derive(Debug)]
pub(crate) struct Board {
    rules: Rules,
    workers: BTreeMap<WorkerId, Worker>,
    jobs: HashMap<JobId, Job>,
    queue: VecDeque<JobId>,
    suspects: VecDeque<JobId>,
    failures: Failures,
    next_worker: WorkerId,
    restart_at: Option<Instant>,
    setbacks: u32,
    away: Option<String>,
    loaded: Option<Hello>,
    copy: Copy,
    refused: Option<String>,
    crashes: u64,
    reloads: u64,
    last_problem: Option<String>,
    actions: Vec<Action>,
}

impl Board {
    /// A board on which the first worker is being started.
    pub(crate) fn new(rules: Rules, now: Instant) -> Self {
        let mut board = Self {
            rules,
            workers: BTreeMap::new(),
            jobs: HashMap::new(),
            queue: VecDeque::new(),
            suspects: VecDeque::new(),
            failures: Failures::default(),
            next_worker: 1,
            restart_at: None,
            setbacks: 0,
            away: None,
            loaded: None,
            copy: Copy::None,
            refused: None,
            crashes: 0,
            reloads: 0,
            last_problem: None,
            actions: Vec::new(),
        };
        board.pump(now);
        board
    }

    /// What is to be done since the last call.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// There is a copy of a set that an earlier process has loaded.
    pub(crate) fn found_copy(&mut self) {
        self.copy = Copy::Earlier;
    }

    /// What this worker has loaded is kept now.
    pub(crate) fn kept(&mut self, id: WorkerId) {
        self.copy = if self.serving() == Some(id) { Copy::InUse } else { Copy::Earlier };
    }

    /// Somebody brings a message.
    pub(crate) fn submit(&mut self, job: JobId, sha256: [u8; 32], deadline: Instant, now: Instant) {
        let failures = self.failures.count(&sha256, now);
        if failures >= POISON {
            return self.answer(job, Answer::Poison);
        }
        if let Some(reason) = &self.away {
            let reason = reason.clone();
            return self.answer(job, Answer::Error(ScanError::Away(reason)));
        }
        if self.queue.len() + self.suspects.len() >= self.rules.waiting {
            return self.answer(job, Answer::Error(ScanError::Busy));
        }
        self.jobs.insert(job, Job { sha256, deadline });
        if failures > 0 { &mut self.suspects } else { &mut self.queue }.push_back(job);
        self.pump(now);
    }

    /// Somebody asks for the signature folder to be loaded again.
    pub(crate) fn reload(&mut self, now: Instant) {
        if self.workers.values().any(|worker| worker.role == Role::Replacing) {
            self.actions.push(Action::Reloaded(Err(ReloadError::UnderWay)));
            return;
        }
        self.start(Role::Replacing, Source::Folder, now);
    }

    /// A worker has loaded its engine.
    pub(crate) fn hello(&mut self, id: WorkerId, hello: Hello, now: Instant) {
        let Some(role) = self.role(id) else { return };
        match role {
            // A reload that was asked for later was faster: its set is the newer one.
            Role::Loading if self.serving().is_some() => self.close(id, now),
            Role::Loading | Role::Replacing => {
                self.retire_serving(now);
                self.set_role(id, Role::Serving, now);
                self.away = None;
                self.restart_at = None;
                self.loaded = Some(hello.clone());
                self.took_over(id);
                if role == Role::Replacing {
                    self.reloads += 1;
                    self.setbacks = 0;
                    self.actions.push(Action::Reloaded(Ok(hello)));
                }
            }
            Role::Preparing(job) => {
                self.set_role(id, Role::Trial, now);
                if self.jobs.contains_key(&job) {
                    self.send(id, job, now);
                } else {
                    self.close(id, now);
                }
            }
            Role::Serving | Role::Draining | Role::Trial | Role::Ending => {}
        }
        self.pump(now);
    }

    /// A worker has answered.
    pub(crate) fn scanned(&mut self, id: WorkerId, job: JobId, finding: Finding, millis: u32, now: Instant) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(at) = worker.flights.iter().position(|flight| flight.job == job) else { return };
        let flight = worker.flights.swap_remove(at);
        let (role, idle) = (worker.role, worker.flights.is_empty());
        self.failures.forgive(&flight.sha256);
        if idle && matches!(role, Role::Draining | Role::Trial) {
            self.close(id, now);
        }
        if self.jobs.contains_key(&job) {
            self.answer(job, Answer::Found(finding, millis));
        }
        self.pump(now);
    }

    /// A worker could not load its engine, or could not be started.
    pub(crate) fn load_failed(&mut self, id: WorkerId, reason: &str, now: Instant) {
        let Some(role) = self.role(id) else { return };
        if !matches!(role, Role::Loading | Role::Replacing | Role::Preparing(_)) {
            return;
        }
        let source = self.workers.get(&id).map_or(Source::Folder, |worker| worker.source);
        self.last_problem = Some(reason.to_owned());
        self.set_role(id, Role::Ending, now);
        if source == Source::Folder && !matches!(role, Role::Preparing(_)) {
            self.refused = Some(reason.to_owned());
        }
        match role {
            Role::Loading if source == Source::Folder && self.copy != Copy::None => {
                self.start(Role::Loading, Source::Kept, now);
            }
            Role::Preparing(job) => self.answer_known(job, Answer::Error(ScanError::Away(reason.to_owned()))),
            Role::Replacing => self.actions.push(Action::Reloaded(Err(ReloadError::Refused(reason.to_owned())))),
            _ => {
                // The next attempt begins with the folder again.
                if self.copy == Copy::InUse {
                    self.copy = Copy::Earlier;
                }
                match self.refused.clone().filter(|_| source == Source::Kept) {
                    Some(folder) => self.go_away(&format!("{folder}; and of the copy: {reason}"), now),
                    None => self.go_away(reason, now),
                }
            }
        }
        self.pump(now);
    }

    /// A worker's process has ended.
    pub(crate) fn died(&mut self, id: WorkerId, how: &str, now: Instant) {
        if matches!(self.role(id), Some(Role::Loading | Role::Replacing | Role::Preparing(_))) {
            self.load_failed(id, &format!("the scanner worker ended while it loaded ({how})"), now);
        }
        let Some(worker) = self.workers.remove(&id) else { return };
        match worker.role {
            Role::Serving => {
                self.crashed(how);
                self.plan_restart(now.saturating_duration_since(worker.since) >= HEALTHY, CRASH_BACKOFF_MAX, now);
                self.suspect(&worker.flights);
            }
            Role::Draining => {
                self.crashed(how);
                self.suspect(&worker.flights);
            }
            Role::Trial => {
                self.crashed(how);
                for flight in worker.flights {
                    self.guilty(&flight, ScanError::Crashed, now);
                }
            }
            Role::Ending | Role::Loading | Role::Replacing | Role::Preparing(_) => {}
        }
        self.pump(now);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        let expired: Vec<_> = self.jobs.iter().filter(|(_, job)| job.deadline <= now).map(|(id, _)| *id).collect();
        for job in expired {
            self.queue.retain(|waiting| *waiting != job);
            self.suspects.retain(|waiting| *waiting != job);
            self.answer(job, Answer::Error(ScanError::Deadline));
        }
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.overdue(id, now);
        }
        self.pump(now);
    }

    /// When [`Board::tick`] is due next.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let deadlines = self.jobs.values().map(|job| job.deadline);
        let workers = self.workers.values().filter_map(|worker| self.worker_due(worker));
        // While another worker is coming there is nothing to restart.
        let restart = self.restart_at.filter(|_| !self.is_coming());
        deadlines.chain(workers).chain(restart).min()
    }

    /// Ends everything: nobody waits any more, all workers end.
    pub(crate) fn stop(&mut self) {
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.answer(job, Answer::Error(ScanError::Stopped));
        }
        self.queue.clear();
        self.suspects.clear();
        for (id, worker) in &mut self.workers {
            worker.role = Role::Ending;
            self.actions.push(Action::Kill(*id));
        }
    }

    /// Copies what can be seen from outside, but for processes.
    pub(crate) fn describe(&self, status: &mut crate::status::Status) {
        status.state = match (&self.away, self.serving()) {
            (Some(reason), _) => State::Away(reason.clone()),
            (None, Some(_)) => State::Ready,
            (None, None) => State::Loading,
        };
        status.loaded.clone_from(&self.loaded);
        status.crashes = self.crashes;
        status.reloads = self.reloads;
        status.waiting = self.queue.len() + self.suspects.len();
        status.running = self.workers.values().map(|worker| worker.flights.len()).sum();
        // Without any set the state says it.
        status.refused = self.refused.clone().filter(|_| self.away.is_none());
        status.last_problem.clone_from(&self.last_problem);
    }

    /// The worker that serves.
    pub(crate) fn serving(&self) -> Option<WorkerId> {
        self.workers.iter().find(|(_, worker)| worker.role == Role::Serving).map(|(id, _)| *id)
    }

    /// Whether a worker serves, or one that will is being loaded.
    fn is_coming(&self) -> bool {
        let coming = |worker: &Worker| matches!(worker.role, Role::Serving | Role::Loading | Role::Replacing);
        self.workers.values().any(coming)
    }

    /// Starts what must run and hands out what waits.
    fn pump(&mut self, now: Instant) {
        let due = self.restart_at.is_none_or(|at| at <= now);
        if due && !self.is_coming() {
            self.restart_at = None;
            self.start(Role::Loading, self.in_use(), now);
        }
        if let Some(id) = self.serving() {
            while self.workers.get(&id).is_some_and(|worker| worker.flights.len() < self.rules.threads) {
                let Some(job) = self.queue.pop_front() else { break };
                self.send(id, job, now);
            }
        }
        let on_trial = |worker: &Worker| matches!(worker.role, Role::Preparing(_) | Role::Trial);
        if self.away.is_none()
            && !self.workers.values().any(on_trial)
            && let Some(job) = self.suspects.pop_front()
        {
            self.start(Role::Preparing(job), self.in_use(), now);
        }
    }

    /// Where the set in use can be loaded from again.
    fn in_use(&self) -> Source {
        if self.copy == Copy::InUse { Source::Kept } else { Source::Folder }
    }

    /// This worker serves now.
    fn took_over(&mut self, id: WorkerId) {
        if self.workers.get(&id).is_some_and(|worker| worker.source == Source::Kept) {
            self.copy = Copy::InUse;
            return;
        }
        self.refused = None;
        if self.copy == Copy::InUse {
            self.copy = Copy::Earlier;
        }
        self.actions.push(Action::Keep(id));
    }

    fn start(&mut self, role: Role, source: Source, now: Instant) {
        let id = self.next_worker;
        self.next_worker += 1;
        self.workers.insert(id, Worker { role, source, since: now, flights: Vec::new() });
        self.actions.push(Action::Start(id, source));
    }

    fn send(&mut self, id: WorkerId, job: JobId, now: Instant) {
        if let (Some(worker), Some(known)) = (self.workers.get_mut(&id), self.jobs.get(&job)) {
            worker.flights.push(Flight { job, sha256: known.sha256, sent: now });
            self.actions.push(Action::Send(id, job));
        }
    }

    fn answer(&mut self, job: JobId, answer: Answer) {
        self.jobs.remove(&job);
        self.actions.push(Action::Answer(job, answer));
    }

    fn answer_known(&mut self, job: JobId, answer: Answer) {
        if self.jobs.contains_key(&job) {
            self.answer(job, answer);
        }
    }

    fn role(&self, id: WorkerId) -> Option<Role> {
        self.workers.get(&id).map(|worker| worker.role)
    }

    fn set_role(&mut self, id: WorkerId, role: Role, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id) {
            (worker.role, worker.since) = (role, now);
        }
    }

    fn close(&mut self, id: WorkerId, now: Instant) {
        self.set_role(id, Role::Ending, now);
        self.actions.push(Action::Close(id));
    }

    fn kill(&mut self, id: WorkerId, now: Instant) {
        self.set_role(id, Role::Ending, now);
        self.actions.push(Action::Kill(id));
    }

    fn retire_serving(&mut self, now: Instant) {
        if let Some(old) = self.serving() {
            self.set_role(old, Role::Draining, now);
            if self.workers.get(&old).is_some_and(|worker| worker.flights.is_empty()) {
                self.close(old, now);
            }
        }
    }

    /// No worker can be loaded: nobody is kept waiting for it.
    fn go_away(&mut self, reason: &str, now: Instant) {
        self.away = Some(reason.to_owned());
        self.plan_restart(false, LOAD_BACKOFF_MAX, now);
        for job in self.queue.drain(..).chain(self.suspects.drain(..)).collect::<Vec<_>>() {
            self.answer(job, Answer::Error(ScanError::Away(reason.to_owned())));
        }
    }

    /// The first restart is at once after a crash and after a second where
    /// nothing could be loaded; then the pause doubles.
    fn plan_restart(&mut self, was_healthy: bool, longest: Duration, now: Instant) {
        self.setbacks = if was_healthy { 1 } else { self.setbacks + 1 };
        let doublings = match (self.away.is_some(), self.setbacks) {
            (false, 1) => return,
            (_, setbacks) => setbacks.saturating_sub(1).min(6),
        };
        self.restart_at = Some(now + Duration::from_secs(1 << doublings).min(longest));
    }

    fn crashed(&mut self, how: &str) {
        self.crashes += 1;
        self.last_problem = Some(format!("a scanner worker ended by itself ({how})"));
    }

    fn suspect(&mut self, flights: &[Flight]) {
        self.suspects.extend(flights.iter().map(|flight| flight.job).filter(|job| self.jobs.contains_key(job)));
    }

    fn guilty(&mut self, flight: &Flight, error: ScanError, now: Instant) {
        let poison = self.failures.add(flight.sha256, now) >= POISON;
        self.answer_known(flight.job, if poison { Answer::Poison } else { Answer::Error(error) });
    }

    /// When something must be done about this worker if it stays silent.
    fn worker_due(&self, worker: &Worker) -> Option<Instant> {
        match worker.role {
            Role::Loading | Role::Replacing | Role::Preparing(_) => Some(worker.since + self.rules.load_within),
            Role::Ending => Some(worker.since + CLOSE_WITHIN),
            Role::Serving | Role::Draining | Role::Trial => {
                worker.flights.iter().map(|flight| flight.sent + self.rules.hang_after).min()
            }
        }
    }

    /// Ends a worker that is silent for too long. It is clear here which
    /// message is guilty; the others in flight wait again.
    fn overdue(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self.workers.get(&id) else { return };
        if self.worker_due(worker).is_none_or(|due| due > now) {
            return;
        }
        match worker.role {
            Role::Loading | Role::Replacing | Role::Preparing(_) => {
                self.load_failed(id, "the scanner worker took too long to load the signatures", now);
            }
            Role::Serving | Role::Draining | Role::Trial => self.hung(id, now),
            Role::Ending => {}
        }
        self.kill(id, now);
    }

    fn hung(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let hang_after = self.rules.hang_after;
        let (role, flights) = (worker.role, std::mem::take(&mut worker.flights));
        self.crashes += 1;
        self.last_problem = Some("a scanner worker hung on a message and was killed".to_owned());
        if role == Role::Serving {
            self.plan_restart(true, CRASH_BACKOFF_MAX, now);
        }
        for flight in flights {
            if flight.sent + hang_after <= now {
                self.guilty(&flight, ScanError::Hung, now);
            } else if self.jobs.contains_key(&flight.job) {
                self.queue.push_front(flight.job);
            }
        }
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
