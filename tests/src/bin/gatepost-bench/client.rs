//! One SMTP connection that sends until all messages are sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::{Options, message};

/// What the connections saw.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From `MAIL` to the last reply, of each accepted message.
    pub latencies: Vec<Duration>,
    /// Messages that were not accepted.
    pub failed: usize,
    /// The first refusal.
    pub example: Option<String>,
}

impl Outcome {
    /// Takes another connection's figures in.
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.example = self.example.take().or(other.example);
    }

    fn fail(&mut self, why: &impl ToString) {
        self.failed += 1;
        self.example.get_or_insert_with(|| why.to_string());
    }
}

/// Sends messages until the shared number has reached the wanted one.
pub async fn send_all(shared: Arc<(Options, AtomicUsize)>) -> Outcome {
    let (options, next) = (&shared.0, &shared.1);
    let mut outcome = Outcome::default();
    let mut connection = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.messages {
            break;
        }
        let open = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(options).await,
        };
        match open {
            Ok(mut open) => match send(&mut open, options, number).await {
                Ok(Ok(latency)) => {
                    outcome.latencies.push(latency);
                    connection = Some(open);
                }
                Ok(Err(refusal)) => outcome.fail(&refusal),
                Err(error) => outcome.fail(&error),
            },
            Err(error) => outcome.fail(&error),
        }
    }
    if let Some(mut open) = connection {
        let _ = open.command("QUIT\r\n").await;
    }
    outcome
}

async fn send(open: &mut Connection, options: &Options, number: usize) -> io::Result<Result<Duration, String>> {
    let recipient = &options.recipients[number % options.recipients.len()];
    let data = message::make(number, recipient, options.size);
    let start = Instant::now();
    for command in
        ["MAIL FROM:<sender@bench.example>\r\n".to_owned(), format!("RCPT TO:<{recipient}>\r\n"), "DATA\r\n".to_owned()]
    {
        let reply = open.command(&command).await?;
        if !reply.starts_with(['2', '3']) {
            return Ok(Err(format!("{}: {reply}", command.trim_end())));
        }
    }
    open.stream.get_mut().write_all(&data).await?;
    let reply = open.reply().await?;
    Ok(if reply.starts_with('2') { Ok(start.elapsed()) } else { Err(reply) })
}

struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    async fn open(options: &Options) -> io::Result<Self> {
        let tcp = TcpStream::connect(options.smtp).await?;
        tcp.set_nodelay(true)?;
        let mut open = Self { stream: BufReader::new(tcp) };
        open.reply().await?;
        open.command("EHLO bench.example\r\n").await?;
        Ok(open)
    }

    async fn command(&mut self, command: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(command.as_bytes()).await?;
        self.reply().await
    }

    /// The last line of a reply.
    async fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(Duration::from_secs(120), self.stream.read_line(&mut line)).await;
            if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }
}
