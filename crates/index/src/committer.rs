//! One task that inserts the rows of all deliveries that wait, in one
//! transaction: a sync to disk is paid once for all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sql::{Pool, retry};
use tokio::sync::{mpsc, oneshot};

use crate::insert::insert;
use crate::{IndexError, MAX_ROWS, NewMessage, Outcome};

/// How many deliveries may wait; more of them wait outside.
const WAITING: usize = 1024;
/// How many deliveries one transaction takes.
const GROUP: usize = 256;
/// How many rows one transaction takes; one delivery alone may have more, up
/// to [`MAX_ROWS`].
const GROUP_ROWS: usize = 400;

/// The door to the task, which ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
    failed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Job {
    messages: Vec<NewMessage>,
    done: oneshot::Sender<Result<Vec<Outcome>, IndexError>>,
}

impl Committer {
    pub(crate) fn start(pool: Pool) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(pool, waiting, Arc::clone(&failed)));
        Self { jobs, failed }
    }

    /// Whether the last group failed; cleared by one that succeeds.
    pub(crate) fn failed_last(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(crate) async fn commit(&self, messages: Vec<NewMessage>) -> Result<Vec<Outcome>, IndexError> {
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut rest = messages;
        while !rest.is_empty() {
            let behind = rest.split_off(rest.len().min(MAX_ROWS));
            let (done, answer) = oneshot::channel();
            let job = Job { messages: std::mem::replace(&mut rest, behind), done };
            self.jobs.send(job).await.map_err(|_| IndexError::Closed)?;
            outcomes.extend(answer.await.map_err(|_| IndexError::Closed)??);
        }
        Ok(outcomes)
    }
}

async fn run(pool: Pool, mut waiting: mpsc::Receiver<Job>, failed: Arc<AtomicBool>) {
    let mut held: Option<Job> = None;
    loop {
        let Some(first) = (match held.take() {
            Some(job) => Some(job),
            None => waiting.recv().await,
        }) else {
            return;
        };
        let mut rows = first.messages.len();
        let mut group = vec![first];
        while group.len() < GROUP {
            let Ok(job) = waiting.try_recv() else { break };
            if rows + job.messages.len() > GROUP_ROWS {
                held = Some(job);
                break;
            }
            rows += job.messages.len();
            group.push(job);
        }
        commit_group(&pool, group, &failed).await;
    }
}

/// A group that fails is tried again one by one, so that what is wrong with
/// one delivery hurts no other.
async fn commit_group(pool: &Pool, group: Vec<Job>, failed: &AtomicBool) {
    let all: Vec<NewMessage> = group.iter().flat_map(|job| job.messages.iter().cloned()).collect();
    match commit_once(pool, &all).await {
        Ok(outcomes) => {
            failed.store(false, Ordering::Release);
            let mut outcomes = outcomes.into_iter();
            for job in group {
                let own = outcomes.by_ref().take(job.messages.len()).collect();
                answer(job, Ok(own));
            }
        }
        Err(error) if error.is_away() || group.len() == 1 => {
            failed.store(true, Ordering::Release);
            let reason = error.to_string();
            for job in group {
                answer(job, Err(IndexError::Commit(reason.clone())));
            }
        }
        Err(error) => {
            tracing::warn!(%error, deliveries = group.len(), "a group commit failed and is split");
            for job in group {
                let own = commit_once(pool, &job.messages).await;
                failed.store(own.is_err(), Ordering::Release);
                answer(job, own);
            }
        }
    }
}

async fn commit_once(pool: &Pool, messages: &[NewMessage]) -> Result<Vec<Outcome>, IndexError> {
    retry(|| async {
        let mut tx = pool.begin().await?;
        let outcomes = insert(&mut tx, messages).await?;
        tx.commit().await?;
        Ok(outcomes)
    })
    .await
}

/// Whoever stopped waiting finds the rows by the base names.
fn answer(job: Job, result: Result<Vec<Outcome>, IndexError>) {
    let _ = job.done.send(result);
}
