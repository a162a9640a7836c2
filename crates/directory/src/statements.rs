//! Every statement of the directory, in one table: each runs as it stands on
//! MySQL and on SQLite, and a test runs all of them on both.

/// Declares each statement as a constant, and all of them as [`ALL`].
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$about])* pub(crate) const $name: &str = $text;)*
        /// All of them, with their names, for the test.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

statements! {
    // Resolution.
    /// Domain, account and whether there is an alias, in one: most recipients
    /// need nothing else.
    LOOK_UP = "SELECT d.name, d.active, d.alias_of, d.catch_all, d.postmaster, \
        (SELECT COUNT(*) FROM alias l WHERE l.domain = d.name AND l.local = ?), \
        a.id, a.local, a.domain, a.name, a.quota_bytes, a.active, \
        CASE WHEN a.password IS NULL OR a.password = '' THEN 0 ELSE 1 END, \
        a.language, a.time_zone, CAST(a.created AS CHAR) \
        FROM domain d LEFT JOIN account a ON a.domain = d.name AND a.local = ? WHERE d.name = ?";
    HOSTED = "SELECT name, active, alias_of, catch_all, postmaster FROM domain WHERE name = ?";
    ANY_ACTIVE = "SELECT 1 FROM domain WHERE active = 1 LIMIT 1";
    ACTIVE_DOMAINS = "SELECT name FROM domain WHERE active = 1 ORDER BY name";
    REMOVED_DOMAINS = "SELECT name FROM removed_domain ORDER BY name";
    ACCOUNT = "SELECT id, local, domain, name, quota_bytes, active, \
        CASE WHEN password IS NULL OR password = '' THEN 0 ELSE 1 END, \
        language, time_zone, CAST(created AS CHAR), password \
        FROM account WHERE domain = ? AND local = ?";
    /// One more than the cap on targets, so that "too many" can be told.
    TARGETS = "SELECT target, active, local FROM alias WHERE domain = ? AND local = ? ORDER BY id LIMIT 1001";
    /// The address itself, and the base of a subaddress.
    RETIRED = "SELECT local FROM retired WHERE domain = ? AND local IN (?, ?)";
    SITE_POSTMASTER = "SELECT value FROM setting WHERE scope = 'site' AND subject = '' AND name = 'postmaster'";

    // Logins.
    CREDENTIALS = "SELECT a.id, a.password, a.active, d.active, a.local, a.domain \
        FROM account a JOIN domain d ON d.name = a.domain WHERE a.domain = ? AND a.local = ?";
    REHASH = "UPDATE account SET password = ? WHERE id = ? AND password = ?";

    // App passwords and two-step login.
    APP_PASSWORDS = "SELECT id, name, scope, active, CAST(created AS CHAR), CAST(used AS CHAR) \
        FROM app_password WHERE domain = ? AND local = ? ORDER BY id";
    APP_PASSWORD = "SELECT id, name, scope, active, CAST(created AS CHAR), CAST(used AS CHAR) \
        FROM app_password WHERE domain = ? AND local = ? AND password = ?";
    ADD_APP_PASSWORD = "INSERT INTO app_password (local, domain, name, password, scope) VALUES (?, ?, ?, ?, ?)";
    REVOKE_APP_PASSWORD = "DELETE FROM app_password WHERE domain = ? AND local = ? AND id = ?";
    REVOKE_APP_PASSWORDS = "DELETE FROM app_password WHERE domain = ? AND local = ?";
    USE_APP_PASSWORD = "UPDATE app_password SET used = ? WHERE id = ? AND (used IS NULL OR used < ?)";
    TOTP = "SELECT secret, CAST(created AS CHAR), \
        (SELECT COUNT(*) FROM recovery_code r WHERE r.domain = t.domain AND r.local = t.local) \
        FROM totp t WHERE domain = ? AND local = ?";
    ADD_TOTP = "INSERT INTO totp (local, domain, secret, last_step) VALUES (?, ?, ?, ?)";
    REMOVE_TOTP = "DELETE FROM totp WHERE domain = ? AND local = ?";
    /// MySQL puts the new value of a column in its place at once, so the day
    /// comes last.
    COUNT_CODE = "UPDATE totp SET tries = CASE WHEN tries_day = ? THEN tries + 1 ELSE 1 END, tries_day = ? \
        WHERE domain = ? AND local = ? AND (tries_day <> ? OR tries < ?)";
    USE_STEP = "UPDATE totp SET last_step = ?, tries = 0 \
        WHERE domain = ? AND local = ? AND secret = ? AND last_step < ?";
    ADD_RECOVERY_CODE = "INSERT INTO recovery_code (local, domain, code) VALUES (?, ?, ?)";
    USE_RECOVERY_CODE = "DELETE FROM recovery_code WHERE domain = ? AND local = ? AND code = ?";

    // Domains.
    DOMAINS = "SELECT d.name, d.active, d.alias_of, d.catch_all, d.postmaster, d.comment, CAST(d.created AS CHAR), \
        (SELECT COUNT(*) FROM account a WHERE a.domain = d.name), \
        (SELECT COUNT(DISTINCT l.local) FROM alias l WHERE l.domain = d.name) \
        FROM domain d ORDER BY d.name";
    DOMAIN_ENTRY = "SELECT d.name, d.active, d.alias_of, d.catch_all, d.postmaster, d.comment, CAST(d.created AS CHAR), \
        (SELECT COUNT(*) FROM account a WHERE a.domain = d.name), \
        (SELECT COUNT(DISTINCT l.local) FROM alias l WHERE l.domain = d.name) \
        FROM domain d WHERE d.name = ?";
    ADD_DOMAIN = "INSERT INTO domain (name, active, alias_of, catch_all, postmaster, comment) VALUES (?, ?, ?, ?, ?, ?)";
    CHANGE_DOMAIN = "UPDATE domain SET active = COALESCE(?, active), \
        alias_of = CASE WHEN ? = 1 THEN ? ELSE alias_of END, \
        catch_all = CASE WHEN ? = 1 THEN ? ELSE catch_all END, \
        postmaster = CASE WHEN ? = 1 THEN ? ELSE postmaster END, \
        comment = COALESCE(?, comment) WHERE name = ?";
    REMOVE_DOMAIN = "DELETE FROM domain WHERE name = ?";
    ALIAS_DOMAINS_OF = "SELECT COUNT(*) FROM domain WHERE alias_of = ?";
    NOTE_REMOVED_DOMAIN = "INSERT INTO removed_domain (name) VALUES (?)";
    FORGET_REMOVED_DOMAIN = "DELETE FROM removed_domain WHERE name = ?";

    // Accounts.
    ACCOUNTS = "SELECT id, local, domain, name, quota_bytes, active, \
        CASE WHEN password IS NULL OR password = '' THEN 0 ELSE 1 END, \
        language, time_zone, CAST(created AS CHAR), password \
        FROM account ORDER BY domain, local";
    ACCOUNTS_OF = "SELECT id, local, domain, name, quota_bytes, active, \
        CASE WHEN password IS NULL OR password = '' THEN 0 ELSE 1 END, \
        language, time_zone, CAST(created AS CHAR), password \
        FROM account WHERE domain = ? ORDER BY local";
    /// Also of rows that cannot be used otherwise: whose mail it is does not
    /// depend on their other columns.
    IDENTITIES = "SELECT id, CAST(created AS CHAR) FROM account";
    PASSWORDS = "SELECT local, domain, password FROM account \
        WHERE password IS NOT NULL AND password <> '' ORDER BY domain, local";
    ADD_ACCOUNT = "INSERT INTO account (local, domain, password, name, quota_bytes) VALUES (?, ?, ?, ?, ?)";
    CHANGE_ACCOUNT = "UPDATE account SET active = COALESCE(?, active), name = COALESCE(?, name), \
        quota_bytes = CASE WHEN ? = 1 THEN ? ELSE quota_bytes END, \
        password = COALESCE(?, password) WHERE domain = ? AND local = ?";
    REMOVE_ACCOUNT = "DELETE FROM account WHERE domain = ? AND local = ?";
    RETIRE = "INSERT INTO retired (domain, local) VALUES (?, ?)";
    UNRETIRE = "DELETE FROM retired WHERE domain = ? AND local = ?";

    // Aliases.
    ALIASES = "SELECT l.local, l.domain, l.target, l.active FROM alias l ORDER BY l.domain, l.local, l.id";
    ALIAS_ENTRY = "SELECT l.local, l.domain, l.target, l.active FROM alias l \
        WHERE l.domain = ? AND l.local = ? ORDER BY l.id";
    ADD_TARGET = "INSERT INTO alias (local, domain, target) VALUES (?, ?, ?)";
    SWITCH_ALIAS = "UPDATE alias SET active = ? WHERE domain = ? AND local = ?";
    REMOVE_ALIAS = "DELETE FROM alias WHERE domain = ? AND local = ?";
    REMOVE_TARGET = "DELETE FROM alias WHERE domain = ? AND local = ? AND target = ?";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::schema;
    use sql::{Arg, Pool, Settings};

    /// Runs every statement with arguments that match nothing; what the two
    /// engines understand differently shows here.
    async fn all_run(url: String) {
        let pool = Pool::open(&Settings::new(url)).unwrap();
        pool.migrate(&schema()).await.unwrap();
        pool.migrate(&schema()).await.unwrap();
        for (name, text) in ALL {
            let args = vec![Arg::Null; text.matches('?').count()];
            if text.starts_with("SELECT") {
                pool.fetch_all(*text, &args, |_| Ok(())).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            } else if let Err(error) = pool.execute(*text, &args).await {
                let refused = matches!(error, sql::SqlError::Refused(_) | sql::SqlError::Reference(_));
                assert!(refused && text.starts_with("INSERT"), "{name}: {error}");
            }
        }
    }

    #[tokio::test]
    async fn all_run_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        all_run(format!("sqlite:{}", folder.path().join("d.db").display())).await;
    }

    #[tokio::test]
    async fn all_run_on_mariadb() {
        if let Some(url) = testkit::mariadb::database() {
            all_run(url).await;
        }
    }
}
