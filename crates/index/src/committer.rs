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
            let commit = |messages: Vec<NewMessage>| async move { commit_once(pool, &messages).await };
            one_by_one(group, failed, commit).await;
        }
    }
}

/// How many deliveries may find the database locked before the rest of their
/// group is not tried: each has waited for it as long as is sensible, and all
/// those behind them wait too.
const LOCKED: usize = 2;

async fn one_by_one<C, F>(group: Vec<Job>, failed: &AtomicBool, commit: C)
where
    C: Fn(Vec<NewMessage>) -> F,
    F: Future<Output = Result<Vec<Outcome>, IndexError>>,
{
    let mut locked = 0;
    for job in group {
        let own = if locked < LOCKED {
            commit(job.messages.clone()).await
        } else {
            Err(IndexError::Commit("the database is locked".to_owned()))
        };
        if let Err(IndexError::Sql(error)) = &own
            && (error.is_conflict() || error.is_away())
        {
            locked += 1;
        }
        failed.store(own.is_err(), Ordering::Release);
        answer(job, own);
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

#[cfg(test)]
mod tests {
    use super::*;
    use sql::SqlError;
    use std::sync::atomic::AtomicUsize;

    /// A database that stays locked is not waited for by each delivery of a
    /// group in turn; one delivery that cannot be hurts no other.
    #[tokio::test]
    async fn a_group_is_split_with_measure() {
        type Failure = fn() -> IndexError;
        let cases: [(Failure, usize); 3] = [
            (|| IndexError::Sql(SqlError::Conflict(sqlx::Error::RowNotFound)), 2),
            (|| IndexError::Sql(SqlError::Silent { seconds: 1 }), 2),
            (|| IndexError::Sql(SqlError::Refused(sqlx::Error::RowNotFound)), 9),
        ];
        for (failure, tried) in cases {
            let (failed, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
            let (group, answers): (Vec<Job>, Vec<_>) = (0..9)
                .map(|_| {
                    let (done, answer) = oneshot::channel();
                    (Job { messages: Vec::new(), done }, answer)
                })
                .unzip();
            let commit = |_| {
                calls.fetch_add(1, Ordering::SeqCst);
                std::future::ready(Err(failure()))
            };
            one_by_one(group, &failed, commit).await;
            assert_eq!(calls.load(Ordering::SeqCst), tried);
            assert!(failed.load(Ordering::Acquire));
            for answer in answers {
                assert!(answer.await.is_ok_and(|answer| answer.is_err()));
            }
        }
    }
}
