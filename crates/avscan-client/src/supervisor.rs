//! The task that does what the board decides: it owns the messages that wait
//! and the workers' tasks, and gives the board the time.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use avscan_wire::{Hello, Outcome as Finding, Prefix, Report, Request};
use mail::Text;
use tokio::sync::{mpsc, oneshot};

use crate::board::{Action, Answer, Board, JobId, Rules, Source, WorkerId};
use crate::error::{ReloadError, ScanError};
use crate::kept::Store;
use crate::scanner::{Message, Outcome, Scan};
use crate::settings::{Copies, Settings};
use crate::status::{State, Status};
use crate::worker::{self, Event, Load, Order};

/// What the door asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Scan { message: Message, answer: oneshot::Sender<Result<Scan, ScanError>> },
    Reload { answer: oneshot::Sender<Result<Hello, ReloadError>> },
    Ready { answer: oneshot::Sender<Result<Hello, ScanError>> },
    Stop { answer: oneshot::Sender<()> },
}

/// The task's state.
pub(crate) struct Supervisor {
    settings: Arc<Settings>,
    status: Arc<Mutex<Status>>,
    board: Board,
    jobs: HashMap<JobId, Job>,
    next_job: JobId,
    workers: HashMap<WorkerId, Handle>,
    copies: Option<Arc<Store>>,
    reloads: Vec<oneshot::Sender<Result<Hello, ReloadError>>>,
    waiting_ready: Vec<oneshot::Sender<Result<Hello, ScanError>>>,
    events: mpsc::UnboundedSender<(WorkerId, Event)>,
    incoming: mpsc::UnboundedReceiver<(WorkerId, Event)>,
}

struct Job {
    file: Arc<OwnedFd>,
    length: u64,
    prefix: Prefix,
    deadline: Instant,
    answer: oneshot::Sender<Result<Scan, ScanError>>,
}

struct Handle {
    orders: mpsc::UnboundedSender<Order>,
    pid: Option<u32>,
}

impl Supervisor {
    pub(crate) fn new(settings: Settings, status: Arc<Mutex<Status>>) -> Self {
        let rules = Rules {
            threads: usize::from(settings.threads),
            waiting: settings.waiting,
            hang_after: settings.hang_after,
            load_within: settings.load_within,
        };
        let (events, incoming) = mpsc::unbounded_channel();
        Self {
            settings: Arc::new(settings),
            status,
            board: Board::new(rules, Instant::now()),
            jobs: HashMap::new(),
            next_job: 1,
            workers: HashMap::new(),
            copies: None,
            reloads: Vec::new(),
            waiting_ready: Vec::new(),
            events,
            incoming,
        }
    }

    /// Runs until it is told to stop, or until nobody is left to tell it.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        self.prepare().await;
        loop {
            self.act();
            let wake = self.board.next_wake();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop { answer }) => {
                        self.stop().await;
                        let _ = answer.send(());
                        return;
                    }
                    Some(command) => self.command(command),
                    None => return self.stop().await,
                },
                Some((id, event)) = self.incoming.recv() => self.event(id, event),
                () = sleep_until(wake) => self.board.tick(Instant::now()),
            }
        }
    }

    /// Clears what an earlier process has left, and finds the copy that it kept.
    async fn prepare(&mut self) {
        let settings = Arc::clone(&self.settings);
        let prepared = tokio::task::spawn_blocking(move || {
            crate::scratch::sweep(&settings.scratch);
            match &settings.copies {
                Copies::None => None,
                Copies::Read(folder) => Some(Store::read(folder)),
                Copies::Keep(folder) => Store::open(folder)
                    .inspect_err(|error| {
                        tracing::error!(%error, folder = %folder.display(), "no copy of the signatures can be kept");
                    })
                    .ok(),
            }
        });
        self.copies = prepared.await.ok().flatten().map(Arc::new);
        if self.copies.as_ref().is_some_and(|copies| copies.good().is_some()) {
            self.board.found_copy();
        }
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Scan { message, answer } => {
                let Message { file, length, prefix, sha256, deadline } = message;
                let id = self.next_job;
                self.next_job += 1;
                self.jobs.insert(id, Job { file: Arc::new(file), length, prefix, deadline, answer });
                self.board.submit(id, sha256, deadline, now);
            }
            Command::Reload { answer } if self.reloads.is_empty() => {
                self.reloads.push(answer);
                self.board.reload(now);
            }
            Command::Reload { answer } => {
                let _ = answer.send(Err(ReloadError::UnderWay));
            }
            Command::Ready { answer } => self.waiting_ready.push(answer),
            // Taken by `run`.
            Command::Stop { .. } => {}
        }
    }

    fn event(&mut self, id: WorkerId, event: Event) {
        let now = Instant::now();
        match event {
            Event::Started(pid) => {
                if let Some(handle) = self.workers.get_mut(&id) {
                    handle.pid = Some(pid);
                }
            }
            Event::Report(Report::Hello(hello)) => {
                tracing::info!(
                    worker = id, signatures = hello.signatures, engine = %hello.engine,
                    confinement = ?hello.confinement, load_ms = hello.load_ms, "scanner worker ready"
                );
                self.board.hello(id, hello, now);
            }
            Event::Report(Report::LoadFailed(text)) => {
                let reason = Text::sanitized(&text).to_string();
                tracing::error!(worker = id, %reason, "scanner worker cannot load");
                self.board.load_failed(id, &reason, now);
            }
            Event::Report(Report::Scanned { id: job, outcome, millis }) => {
                self.board.scanned(id, job, outcome, millis, now);
            }
            Event::Kept => self.board.kept(id),
            Event::Ended(how) => {
                tracing::debug!(worker = id, how, "scanner worker ended");
                self.workers.remove(&id);
                self.board.died(id, &how, now);
            }
        }
    }

    /// Does what the board wants done, and shows the new state before anybody
    /// is answered who could ask for it then.
    fn act(&mut self) {
        let mut answers = Vec::new();
        for action in self.board.take_actions() {
            match action {
                Action::Start(id, source) => self.start(id, source),
                Action::Keep(id) => self.order(id, Order::Keep),
                Action::Send(id, job) => self.send(id, job),
                Action::Close(id) => self.order(id, Order::Close),
                Action::Kill(id) => self.order(id, Order::Kill),
                Action::Answer(..) | Action::Reloaded(_) => answers.push(action),
            }
        }
        self.show();
        for action in answers {
            match action {
                Action::Answer(job, answer) => self.answer(job, answer),
                Action::Reloaded(result) => self.reloaded(result),
                Action::Start(..) | Action::Keep(_) | Action::Send(..) | Action::Close(_) | Action::Kill(_) => {}
            }
        }
    }

    fn reloaded(&mut self, result: Result<Hello, ReloadError>) {
        if let Some(answer) = self.reloads.pop() {
            let _ = answer.send(result);
        }
    }

    fn start(&mut self, id: WorkerId, source: Source) {
        let (orders, receiver) = mpsc::unbounded_channel();
        self.workers.insert(id, Handle { orders, pid: None });
        let load = Load { source, settings: Arc::clone(&self.settings), copies: self.copies.clone() };
        tokio::spawn(worker::run(id, load, receiver, self.events.clone()));
    }

    fn send(&self, worker: WorkerId, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let left = job.deadline.saturating_duration_since(Instant::now());
        let budget_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let request = Request { id, prefix: job.prefix, length: job.length, budget_ms };
        self.order(worker, Order::Scan(request, Arc::clone(&job.file)));
    }

    fn order(&self, worker: WorkerId, order: Order) {
        if let Some(handle) = self.workers.get(&worker) {
            let _ = handle.orders.send(order);
        }
    }

    fn answer(&mut self, id: JobId, answer: Answer) {
        let Some(job) = self.jobs.remove(&id) else { return };
        let scan = |outcome, millis| Scan { outcome, took: Duration::from_millis(u64::from(millis)) };
        let result = match answer {
            Answer::Poison => Ok(scan(Outcome::Poison, 0)),
            Answer::Error(error) => Err(error),
            Answer::Found(Finding::Clean, millis) => Ok(scan(Outcome::Clean, millis)),
            Answer::Found(Finding::Found(name), millis) => Ok(scan(Outcome::Virus(Text::sanitized(&name)), millis)),
            Answer::Found(Finding::Unscannable(limit), millis) => Ok(scan(Outcome::Unscannable(limit), millis)),
            Answer::Found(Finding::Failed(text), _) => {
                Err(ScanError::Failed(Text::sanitized(&text).as_str().to_owned()))
            }
        };
        // Nobody waits any more: the connection is gone.
        let _ = job.answer.send(result);
    }

    fn show(&mut self) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let before = status.last_problem.take();
        let refused_before = status.refused.take();
        self.board.describe(&mut status);
        status.pid = self.board.serving().and_then(|id| self.workers.get(&id)).and_then(|handle| handle.pid);
        status.pids = self.workers.values().filter_map(|handle| handle.pid).collect();
        if before != status.last_problem
            && let Some(problem) = &status.last_problem
        {
            tracing::warn!(problem, crashes = status.crashes, "scanner worker problem");
        }
        if refused_before != status.refused
            && let (Some(reason), State::Ready) = (&status.refused, &status.state)
        {
            tracing::error!(reason, "the signature folder cannot be loaded; the last good set stays in use");
        }
        let settled = match (&status.state, &status.loaded) {
            (State::Ready, Some(hello)) => Ok(hello.clone()),
            (State::Away(reason), _) => Err(ScanError::Away(reason.clone())),
            _ => return,
        };
        drop(status);
        for answer in self.waiting_ready.drain(..) {
            let _ = answer.send(settled.clone());
        }
    }

    async fn stop(mut self) {
        self.board.stop();
        self.act();
        for answer in self.waiting_ready.drain(..) {
            let _ = answer.send(Err(ScanError::Stopped));
        }
        for answer in self.reloads.drain(..) {
            let _ = answer.send(Err(ReloadError::Stopped));
        }
        while !self.workers.is_empty() {
            let Some((id, event)) = self.incoming.recv().await else { return };
            if let Event::Ended(_) = event {
                self.workers.remove(&id);
            }
        }
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
