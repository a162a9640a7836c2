//! The board's policy as stories: who is told what when workers come and go.

use avscan_wire::Confinement;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A board with a clock of its own that reads its actions as short words.
struct Game {
    board: Board,
    now: Instant,
    jobs: JobId,
}

impl Game {
    fn new() -> Self {
        let now = Instant::now();
        let rules = Rules { threads: 2, waiting: 4, hang_after: SECOND * 10, load_within: SECOND * 30 };
        Self { board: Board::new(rules, now), now, jobs: 0 }
    }

    /// A game whose first worker serves.
    fn serving() -> Self {
        let mut game = Self::new();
        game.expect("start 1");
        game.hello(1);
        game.expect("");
        game
    }

    fn submit(&mut self, sha: u8) -> JobId {
        self.jobs += 1;
        self.board.submit(self.jobs, [sha; 32], self.now + SECOND * 60, self.now);
        self.jobs
    }

    fn hello(&mut self, worker: WorkerId) {
        let hello = Hello {
            signatures: u32::try_from(worker).unwrap(),
            engine: "1".into(),
            database_version: 0,
            database_time: 0,
            newest_file: 0,
            load_ms: 0,
            confinement: Confinement::Full,
        };
        self.board.hello(worker, hello, self.now);
    }

    fn clean(&mut self, worker: WorkerId, job: JobId) {
        self.board.scanned(worker, job, Finding::Clean, 1, self.now);
    }

    fn died(&mut self, worker: WorkerId) {
        self.board.died(worker, "signal 9", self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.board.tick(self.now);
    }

    fn state(&self) -> State {
        let mut status = crate::status::Status::starting();
        self.board.describe(&mut status);
        status.state
    }

    fn refused(&self) -> Option<String> {
        let mut status = crate::status::Status::starting();
        self.board.describe(&mut status);
        status.refused
    }

    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let words: Vec<_> = self.board.take_actions().into_iter().map(word).filter(|word| !word.is_empty()).collect();
        assert_eq!(words.join(", "), expected);
    }
}

fn word(action: Action) -> String {
    match action {
        Action::Start(worker, Source::Folder) => format!("start {worker}"),
        Action::Start(worker, Source::Kept) => format!("start {worker} from the copy"),
        Action::Keep(_) => String::new(),
        Action::Send(worker, job) => format!("send {job} to {worker}"),
        Action::Close(worker) => format!("close {worker}"),
        Action::Kill(worker) => format!("kill {worker}"),
        Action::Answer(job, Answer::Found(Finding::Clean, _)) => format!("{job} clean"),
        Action::Answer(job, Answer::Found(finding, _)) => format!("{job} {finding:?}"),
        Action::Answer(job, Answer::Poison) => format!("{job} poison"),
        Action::Answer(job, Answer::Error(error)) => {
            let name = format!("{error:?}").to_lowercase();
            format!("{job} {}", name.split('(').next().unwrap_or_default())
        }
        Action::Reloaded(Ok(hello)) => format!("reloaded {}", hello.signatures),
        Action::Reloaded(Err(error)) => format!("not reloaded: {error}"),
    }
}

#[test]
fn messages_wait_for_the_first_worker_and_then_their_turn() {
    let mut game = Game::new();
    game.expect("start 1");
    for sha in 1..=5 {
        game.submit(sha);
    }
    game.expect("5 busy");
    assert_eq!(game.state(), State::Loading);
    game.hello(1);
    game.expect("send 1 to 1, send 2 to 1");
    assert_eq!(game.state(), State::Ready);
    game.clean(1, 2);
    game.expect("2 clean, send 3 to 1");
    game.clean(1, 99);
    game.clean(7, 1);
    game.expect("");
}

#[test]
fn after_a_crash_each_suspect_is_tried_alone() {
    let mut game = Game::serving();
    let (innocent, guilty) = (game.submit(1), game.submit(2));
    let later = game.submit(3);
    game.expect("send 1 to 1, send 2 to 1");
    game.died(1);
    game.expect("start 2, start 3");
    game.hello(2);
    game.expect("send 3 to 2");
    game.hello(3);
    game.expect("send 1 to 3");
    game.clean(3, innocent);
    game.expect("close 3, 1 clean, start 4");
    game.died(3);
    game.hello(4);
    game.expect("send 2 to 4");
    game.died(4);
    game.expect(&format!("{guilty} crashed"));
    game.clean(2, later);
    game.expect("3 clean");
}

#[test]
fn the_third_failure_alone_is_poison() {
    let mut game = Game::serving();
    game.submit(9);
    game.expect("send 1 to 1");
    game.died(1);
    game.expect("start 2, start 3");
    game.hello(2);
    game.hello(3);
    game.expect("send 1 to 3");
    game.died(3);
    game.expect("1 crashed");
    // It never comes near other messages again.
    for (job, trial, end) in [(2, 4, "2 crashed"), (3, 5, "3 poison")] {
        game.submit(9);
        game.expect(&format!("start {trial}"));
        game.hello(trial);
        game.expect(&format!("send {job} to {trial}"));
        game.died(trial);
        game.expect(end);
    }
    game.submit(9);
    game.expect("4 poison");
    // A day later it may try again.
    game.pass(SECOND * 60 * 60 * 24);
    game.submit(9);
    game.expect("send 5 to 2");
}

#[test]
fn a_message_that_passes_alone_is_forgiven() {
    let mut game = Game::serving();
    game.submit(9);
    game.died(1);
    game.hello(2);
    game.hello(3);
    game.died(3);
    game.submit(9);
    game.hello(4);
    game.clean(4, 2);
    game.submit(9);
    game.expect(
        "send 1 to 1, start 2, start 3, send 1 to 3, 1 crashed, start 4, send 2 to 4, close 4, 2 clean, send 3 to 2",
    );
}

#[test]
fn a_hang_is_the_fault_of_the_one_that_hangs() {
    let mut game = Game::serving();
    game.submit(1);
    game.expect("send 1 to 1");
    game.pass(SECOND * 6);
    game.submit(2);
    game.expect("send 2 to 1");
    game.pass(SECOND * 4);
    game.expect("1 hung, kill 1, start 2");
    game.died(1);
    game.hello(2);
    game.expect("send 2 to 2");
    game.clean(2, 2);
    game.expect("2 clean");
}

#[test]
fn a_deadline_answers_without_ending_the_worker() {
    let mut game = Game::serving();
    game.board.submit(7, [7; 32], game.now + SECOND, game.now);
    game.expect("send 7 to 1");
    assert_eq!(game.board.next_wake(), Some(game.now + SECOND));
    game.pass(SECOND);
    game.expect("7 deadline");
    game.clean(1, 7);
    game.expect("");
    // Also one that waits.
    let mut game = Game::new();
    game.board.submit(7, [7; 32], game.now + SECOND, game.now);
    game.pass(SECOND);
    game.hello(1);
    game.expect("start 1, 7 deadline");
}

#[test]
fn a_new_set_takes_over_and_the_old_worker_drains() {
    let mut game = Game::serving();
    game.submit(1);
    game.board.reload(game.now);
    game.board.reload(game.now);
    game.expect("send 1 to 1, start 2, not reloaded: another signature set is being loaded");
    game.submit(2);
    game.expect("send 2 to 1");
    game.hello(2);
    game.expect("reloaded 2");
    game.submit(3);
    game.expect("send 3 to 2");
    game.clean(1, 1);
    game.clean(1, 2);
    game.expect("1 clean, close 1, 2 clean");
    // One that does not end by itself is ended.
    game.clean(2, 3);
    game.pass(CLOSE_WITHIN);
    game.expect("3 clean, kill 1");
}

#[test]
fn a_broken_set_leaves_the_old_one_in_use() {
    let mut game = Game::serving();
    for (worker, fail) in [(2, true), (3, false)] {
        game.board.reload(game.now);
        if fail {
            game.board.load_failed(worker, "bad.ndb", game.now);
        } else {
            game.died(worker);
        }
        let reason = if fail { "bad.ndb" } else { "the scanner worker ended while it loaded (signal 9)" };
        game.expect(&format!("start {worker}, not reloaded: the new signature set cannot be loaded: {reason}"));
    }
    assert_eq!(game.state(), State::Ready);
    game.submit(1);
    game.expect("send 1 to 1");
}

#[test]
fn after_a_crash_the_set_in_use_is_loaded_again() {
    let mut game = Game::serving();
    game.board.kept(1);
    // A broken folder changes nothing, but is said.
    game.board.reload(game.now);
    game.board.load_failed(2, "bad.ndb", game.now);
    game.expect("start 2, not reloaded: the new signature set cannot be loaded: bad.ndb");
    assert_eq!(game.refused().as_deref(), Some("bad.ndb"));
    game.submit(1);
    game.died(1);
    game.expect("send 1 to 1, start 3 from the copy, start 4 from the copy");
    game.hello(3);
    game.hello(4);
    game.expect("send 1 to 4");
    assert_eq!((game.state(), game.refused().as_deref()), (State::Ready, Some("bad.ndb")));
    game.board.reload(game.now);
    game.hello(5);
    game.expect("start 5, close 3, reloaded 5");
    assert_eq!(game.refused(), None);
    // The copy of that one is not made yet.
    game.died(5);
    game.expect("start 6");
}

#[test]
fn a_copy_that_comes_late_is_none_of_the_set_in_use() {
    let mut game = Game::serving();
    game.board.reload(game.now);
    game.hello(2);
    game.board.kept(1);
    game.died(2);
    game.expect("start 2, close 1, reloaded 2, start 3");
    // The folder is broken meanwhile.
    game.board.load_failed(3, "bad.ndb", game.now);
    game.expect("start 4 from the copy");
}

#[test]
fn a_start_with_a_broken_folder_takes_the_copy() {
    let mut game = Game::new();
    game.board.found_copy();
    let job = game.submit(1);
    game.board.load_failed(1, "bad.ndb", game.now);
    game.expect("start 1, start 2 from the copy");
    assert_eq!(game.state(), State::Loading);
    game.hello(2);
    game.expect("send 1 to 2");
    assert_eq!((game.state(), game.refused().as_deref()), (State::Ready, Some("bad.ndb")));
    game.clean(2, job);
    game.died(2);
    game.expect("1 clean, start 3 from the copy");
}

#[test]
fn a_copy_that_is_broken_too_does_not_hide_the_folder() {
    let mut game = Game::new();
    game.board.found_copy();
    for (worker, pause) in [(1, 1), (3, 2), (5, 4)] {
        game.expect(&format!("start {worker}"));
        game.board.load_failed(worker, "bad.ndb", game.now);
        game.expect(&format!("start {} from the copy", worker + 1));
        game.board.load_failed(worker + 1, "bad copy", game.now);
        game.expect("");
        assert_eq!((game.state(), game.refused()), (State::Away("bad.ndb; and of the copy: bad copy".into()), None));
        game.pass(SECOND * pause);
    }
    game.hello(7);
    assert_eq!((game.state(), game.refused()), (State::Ready, None));
}

#[test]
fn a_slow_load_is_a_failed_one() {
    let mut game = Game::serving();
    game.board.reload(game.now);
    game.pass(SECOND * 30);
    game.expect(
        "start 2, not reloaded: the new signature set cannot be loaded: \
         the scanner worker took too long to load the signatures, kill 2",
    );
    assert_eq!(game.state(), State::Ready);
}

#[test]
fn without_signatures_nobody_is_kept_waiting() {
    let mut game = Game::new();
    game.submit(1);
    game.board.load_failed(1, "empty", game.now);
    game.died(1);
    game.submit(2);
    game.expect("start 1, 1 away, 2 away");
    assert_eq!(game.state(), State::Away("empty".into()));
    // It is tried again, later and later, but at least once a minute.
    for (worker, pause) in [(2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 32), (8, 60), (9, 60)] {
        game.pass(SECOND * pause - Duration::from_millis(1));
        game.expect("");
        game.pass(Duration::from_millis(1));
        game.expect(&format!("start {worker}"));
        game.board.load_failed(worker, "empty", game.now);
        game.died(worker);
        assert!(game.board.next_wake() > Some(game.now));
    }
    // A reload does not wait for that.
    game.board.reload(game.now);
    game.hello(10);
    game.expect("start 10, reloaded 10");
    assert_eq!(game.state(), State::Ready);
}

#[test]
fn the_set_of_a_reload_outlives_an_older_load() {
    let mut game = Game::new();
    game.board.reload(game.now);
    game.hello(2);
    game.hello(1);
    game.expect("start 1, start 2, reloaded 2, close 1");
    assert_eq!(game.board.serving(), Some(2));
}

#[test]
fn crashes_in_a_row_slow_the_restarts_down() {
    let mut game = Game::serving();
    game.died(1);
    game.expect("start 2");
    let mut worker = 2;
    for pause in [2, 4, 5, 5] {
        game.hello(worker);
        game.died(worker);
        game.expect("");
        game.submit(1);
        game.expect("");
        game.pass(SECOND * pause);
        worker += 1;
        game.expect(&format!("start {worker}"));
        game.hello(worker);
        game.board.take_actions();
        game.clean(worker, game.jobs);
        game.board.take_actions();
    }
    game.pass(HEALTHY);
    game.died(worker);
    game.expect(&format!("start {}", worker + 1));
}

#[test]
fn a_trial_that_cannot_load_says_nothing_about_the_message() {
    let mut game = Game::serving();
    game.submit(1);
    game.died(1);
    game.died(3);
    game.expect("send 1 to 1, start 2, start 3, 1 away");
    game.hello(2);
    game.submit(1);
    game.expect("send 2 to 2");
}

#[test]
fn stopping_answers_everybody() {
    let mut game = Game::serving();
    for sha in 1..=3 {
        game.submit(sha);
    }
    game.board.take_actions();
    game.board.stop();
    let mut words: Vec<_> = game.board.take_actions().into_iter().map(word).collect();
    words.sort();
    assert_eq!(words, ["1 stopped", "2 stopped", "3 stopped", "kill 1"]);
}

#[test]
fn while_a_worker_is_coming_no_restart_is_due() {
    let mut game = Game::new();
    game.board.load_failed(1, "empty", game.now);
    game.died(1);
    game.board.reload(game.now);
    game.pass(SECOND * 5);
    game.expect("start 1, start 2");
    assert!(game.board.next_wake() > Some(game.now));
}

/// Something that happens; workers and messages by a number that is taken
/// modulo how many there are.
#[derive(Debug, Clone)]
enum Event {
    Submit(u8),
    Reload,
    Hello(u64),
    LoadFailed(u64),
    Died(u64),
    Scanned(u64),
    Kept(u64),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..6_u8).prop_map(Event::Submit),
        1 => Just(Event::Reload),
        4 => any::<u64>().prop_map(Event::Hello),
        1 => any::<u64>().prop_map(Event::LoadFailed),
        2 => any::<u64>().prop_map(Event::Died),
        4 => any::<u64>().prop_map(Event::Scanned),
        1 => any::<u64>().prop_map(Event::Kept),
        2 => (1..20_000_u64).prop_map(Event::Pass),
    ]
}

/// Plays the outside world: which workers run and what was sent to them.
#[derive(Default)]
struct World {
    running: Vec<WorkerId>,
    sent: Vec<(WorkerId, JobId)>,
    answers: HashMap<JobId, u32>,
    reloads: u32,
}

impl World {
    fn follow(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start(worker, _) => self.running.push(worker),
                Action::Keep(worker) => assert!(self.running.contains(&worker)),
                Action::Send(worker, job) => {
                    assert!(!self.answers.contains_key(&job), "an answered message is not sent");
                    self.sent.push((worker, job));
                }
                Action::Close(worker) | Action::Kill(worker) => assert!(worker > 0),
                Action::Answer(job, _) => *self.answers.entry(job).or_default() += 1,
                Action::Reloaded(_) => self.reloads += 1,
            }
        }
        for worker in &self.running {
            let flights = self.sent.iter().filter(|(to, _)| to == worker).count();
            assert!(flights <= 2, "no worker has more messages than threads");
        }
    }

    fn pick(&self, number: u64) -> Option<WorkerId> {
        let count = self.running.len() as u64;
        (count > 0).then(|| self.running[usize::try_from(number % count).unwrap()])
    }

    fn ended(&mut self, worker: WorkerId) {
        self.running.retain(|running| *running != worker);
        self.sent.retain(|(to, _)| *to != worker);
    }
}

fn happen(game: &mut Game, world: &mut World, event: &Event) -> u32 {
    match event {
        Event::Submit(sha) => {
            game.submit(*sha);
        }
        Event::Reload => {
            game.board.reload(game.now);
            return 1;
        }
        Event::Hello(number) => {
            if let Some(worker) = world.pick(*number) {
                game.hello(worker);
            }
        }
        Event::LoadFailed(number) => {
            if let Some(worker) = world.pick(*number) {
                game.board.load_failed(worker, "bad", game.now);
            }
        }
        Event::Died(number) => {
            if let Some(worker) = world.pick(*number) {
                world.ended(worker);
                game.died(worker);
            }
        }
        Event::Scanned(number) => {
            if !world.sent.is_empty() {
                let at = usize::try_from(number % world.sent.len() as u64).unwrap();
                let (worker, job) = world.sent.swap_remove(at);
                game.clean(worker, job);
            }
        }
        Event::Kept(number) => {
            if let Some(worker) = world.pick(*number) {
                game.board.kept(worker);
            }
        }
        Event::Pass(millis) => {
            game.pass(Duration::from_millis(*millis));
            assert!(game.board.next_wake().is_none_or(|wake| wake > game.now), "a wake-up that is past spins");
        }
    }
    0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_answered_exactly_once(events in prop::collection::vec(events(), 0..80)) {
        let (mut game, mut world) = (Game::new(), World::default());
        let mut reloads = 0;
        world.follow(game.board.take_actions());
        for event in &events {
            reloads += happen(&mut game, &mut world, event);
            world.follow(game.board.take_actions());
        }
        // Nothing happens any more but time.
        for _ in 0..10 {
            game.pass(SECOND * 30);
            world.follow(game.board.take_actions());
        }
        prop_assert_eq!(world.answers.len() as u64, game.jobs);
        prop_assert!(world.answers.values().all(|times| *times == 1));
        prop_assert_eq!(world.reloads, reloads);
    }
}
