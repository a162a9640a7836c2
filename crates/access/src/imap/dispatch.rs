//! From a request to the file of its command.

use imap::response::Reply;
use imap::{Request, State, Tag, Tagged, table};

use super::failure::Failure;
use super::output::{Gone, Output, Sink};
use super::select::Mode;
use super::session::Session;
use super::{
    authenticate, capability, close, copy, create, delete, expunge, fetch, idle, list, login, lsub, namespace, noop,
    quota, rename, search, select, status, store, subscribe, transfer,
};

pub(super) async fn run<S: Sink>(session: &mut Session, command: Tagged, out: &mut Output<'_, S>) -> Result<(), Gone> {
    let Tagged { tag, request } = command;
    let name = request.name();
    tracing::debug!(command = name, "imap");
    if !table::is_lawful(name, session.state) {
        let outcome = Err(Reply::bad("This command is not lawful now").into());
        return session.answer(&tag, outcome, out).await;
    }
    session.begins(name);
    let outcome = match request {
        Request::Logout => {
            session.farewell("Goodbye", out).await?;
            session.state = State::Logout;
            Ok(Reply::ok("Logged out"))
        }
        // These end with a line of the client, or tell nothing now.
        Request::Authenticate { mechanism, initial } => {
            match authenticate::begin(session, &tag, &mechanism, initial.as_ref(), out).await {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => return Ok(()),
                Err(failure) => Err(failure),
            }
        }
        Request::Idle => match idle::begin(session, &tag, out).await {
            Ok(()) => return Ok(()),
            Err(failure) => Err(failure),
        },
        request @ (Request::Search { .. }
        | Request::Fetch { .. }
        | Request::Store { .. }
        | Request::Copy { .. }
        | Request::Move { .. }) => Box::pin(messages(session, &tag, request, out)).await,
        other => Box::pin(folders(session, other, out)).await,
    };
    session.answer(&tag, outcome, out).await
}

async fn messages<S: Sink>(
    session: &mut Session,
    tag: &Tag,
    request: Request,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    match request {
        Request::Search { numbers, returns, charset, key } => {
            let query = search::Query { numbers, returns, charset, key };
            search::run(session, tag, &query, out).await
        }
        Request::Fetch { numbers, set, items, changed_since } => {
            let wanted = fetch::Wanted { items, changed_since };
            fetch::run(session, numbers, &set, wanted, out).await
        }
        Request::Store { numbers, set, change } => store::run(session, numbers, &set, change, out).await,
        Request::Move { numbers, set, mailbox } => transfer::run(session, numbers, &set, &mailbox, out).await,
        Request::Copy { numbers, set, mailbox } => copy::run(session, numbers, &set, &mailbox, out).await,
        _ => Err(Reply::bad("Unknown command").into()),
    }
}

async fn folders<S: Sink>(session: &mut Session, request: Request, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    match request {
        Request::Capability => capability::run(session, out).await,
        Request::Noop | Request::Check => noop::run(session, out).await,
        Request::Id { client } => capability::id(session, client, out).await,
        Request::Enable { extras } => capability::enable(session, &extras, out).await,
        Request::Namespace => namespace::run(out).await,
        Request::Login { user, password } => login::run(session, &user, password).await,
        Request::Select { mailbox, extras } => select::run(session, &mailbox, Mode::ReadWrite, &extras, out).await,
        Request::Examine { mailbox, extras } => select::run(session, &mailbox, Mode::ReadOnly, &extras, out).await,
        Request::Create { mailbox } => create::run(session, &mailbox).await,
        Request::Delete { mailbox } => delete::run(session, &mailbox).await,
        Request::Rename { from, to } => rename::run(session, &from, &to).await,
        Request::Subscribe { mailbox } => subscribe::subscribe(session, &mailbox).await,
        Request::Unsubscribe { mailbox } => subscribe::unsubscribe(session, &mailbox).await,
        Request::List(request) => list::run(session, request, out).await,
        Request::Lsub { reference, pattern } => lsub::run(session, &reference, &pattern, out).await,
        Request::Status { mailbox, items } => status::run(session, &mailbox, &items, out).await,
        Request::GetQuota { root } => quota::of_root(session, &root, out).await,
        Request::GetQuotaRoot { mailbox } => quota::of_folder(session, &mailbox, out).await,
        Request::Close => close::close(session).await,
        Request::Unselect => Ok(close::unselect(session)),
        Request::Expunge => expunge::all(session, out).await,
        Request::UidExpunge { set } => expunge::among(session, &set, out).await,
        _ => Err(Reply::bad("Unknown command").into()),
    }
}
