//! kill -9 at random moments under load: every acknowledged message is there
//! exactly once and keeps its UID, and nothing torn is seen.

use std::sync::Arc;

use testkit::mariadb;
use testkit::server::{Server, Setup};

use crate::load::{Load, Moments, Told, long};

#[test]
fn kill_at_random_moments() {
    kills(Setup::default(), if long() { 200 } else { 20 });
}

#[test]
fn kill_at_random_moments_on_mariadb() {
    let (Some(directory), Some(index)) = (mariadb::database(), mariadb::database()) else { return };
    kills(Setup { directory, index, ..Setup::default() }, if long() { 100 } else { 6 });
}

fn kills(setup: Setup, rounds: usize) {
    let mut server = Server::start(setup);
    let told = Arc::new(Told::default());
    let mut moments = Moments(0x2545_F491_4F6C_DD1D);
    for round in 0..rounds {
        let load = Load::start(&server, &told);
        // Half of them hit the first messages after a start.
        if round % 2 == 1 {
            load.is_felt();
        }
        moments.wait(30, 250);
        server.kill();
        load.end();
        server.run();
        if round % 5 == 4 || round + 1 == rounds {
            told.holds(&server);
        }
    }
    println!("{} messages acknowledged, {rounds} kills", told.acknowledged());
    assert!(told.acknowledged() >= rounds / 2, "the load was too small to mean anything");
}
