//! A name server for tests: answers from a list of records, on a loopback port.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, SRV, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record};

/// A running name server; it ends when this is dropped.
#[derive(Debug)]
pub struct Zone {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Zone {
    /// Serves lines such as `example.org MX 10 mx.example.org`; `NAME FAIL`
    /// makes it answer SERVFAIL for that name.
    ///
    /// # Panics
    ///
    /// Where a line cannot be read or there is no port.
    #[must_use]
    pub fn serve(lines: &str) -> Self {
        let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let failing: HashSet<Name> =
            lines.iter().filter_map(|line| line.strip_suffix(" FAIL")).map(|name| fqdn(name.trim())).collect();
        let records: Vec<Record> =
            lines.iter().filter(|line| !line.ends_with(" FAIL")).map(|line| record(line)).collect();
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let (address, stop) = (socket.local_addr().expect("an address"), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let _ = socket.send_to(&answer(&question, &records, &failing), peer);
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(question: &Message, records: &[Record], failing: &HashSet<Name>) -> Vec<u8> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    for query in &question.queries {
        let at_name = || records.iter().filter(|record| record.name == *query.name());
        answer.metadata.response_code = match () {
            () if failing.contains(query.name()) => ResponseCode::ServFail,
            () if at_name().next().is_none() => ResponseCode::NXDomain,
            () => ResponseCode::NoError,
        };
        answer.add_query(query.clone());
        answer.add_answers(at_name().filter(|record| record.record_type() == query.query_type()).cloned());
    }
    answer.to_vec().expect("a message")
}

fn record(line: &str) -> Record {
    let mut words = line.splitn(3, ' ');
    let (name, kind, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
    let numbers: Vec<u16> = rest.split(' ').map_while(|word| word.parse().ok()).collect();
    let last = || fqdn(rest.rsplit(' ').next().unwrap_or_default());
    let data = match kind.unwrap_or_default() {
        "A" => RData::A(A(rest.parse().expect("an IPv4 address"))),
        "AAAA" => RData::AAAA(AAAA(rest.parse().expect("an IPv6 address"))),
        "MX" => RData::MX(MX::new(numbers[0], last())),
        "SRV" => RData::SRV(SRV::new(numbers[0], numbers[1], numbers[2], last())),
        "PTR" => RData::PTR(PTR(last())),
        "TXT" => RData::TXT(TXT::new(rest.split('|').map(str::to_owned).collect())),
        other => panic!("{other} in {line:?}"),
    };
    Record::from_rdata(fqdn(name.unwrap_or_default()), 60, data)
}

fn fqdn(name: &str) -> Name {
    let mut name = Name::from_str(name).expect("a name");
    name.set_fqdn(true);
    name
}
